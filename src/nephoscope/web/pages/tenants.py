"""Connecting a tenant: the rights that it takes and scripts that grant them, the form, and one tenant with its test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import HTMLResponse, RedirectResponse, Response

from nephoscope.collect.azure.connection_test import ConnectionTrial
from nephoscope.collect.azure.grant_scripts import CollectionGrant, render_az_script, render_bicep
from nephoscope.collect.azure.required_permissions import PermissionProvider, list_names
from nephoscope.collect.azure.tenant_connection import TenantSecrets
from nephoscope.posture.scans import tenants
from nephoscope.service import tenants as service
from nephoscope.service.tenants import DELETE, WRITE
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.estate.tenants import CERTIFICATE, MANAGED_IDENTITY, SECRET, Tenant, TenantConnection
from nephoscope.web.forms.form import apply_form, parse_number, read_requested_act, split_lines
from nephoscope.web.forms.optimistic_lock import (
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope.web.page_data.assessment_progress import find_current_assessment
from nephoscope.web.pages.sources import READ
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.tables.table_download import build_csv_response, build_file_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

SIGNING_IN = {
    SECRET: "an application with a client secret",
    CERTIFICATE: "an application with a certificate",
    MANAGED_IDENTITY: "the managed identity of this server",
}
#: Seconds after which a test that nobody made is told to be wanted again: the server's worker is not there.
GIVEN_UP = 300.0
SCRIPTS = {
    "sh": (render_az_script, "text/x-shellscript; charset=utf-8"),
    "bicep": (render_bicep, "text/plain; charset=utf-8"),
}


def list_clouds() -> dict[str, str]:
    """The clouds that can be chosen: those that are known and the one that the server's environment names."""
    known = {"public": "Azure", "usgovernment": "Azure Government", "china": "Azure operated by 21Vianet"}
    return {one: known.get(one, f"cloud of this server ({one})") for one in service.list_server_clouds()}


def show_new(visit: Visit) -> Mapping[str, object] | Response:
    """The form of a new tenant; what was sent is kept, tried, and shown."""
    visit.caller.require(WRITE, "/")
    if visit.request.method == "POST":
        do = {"scripts": _show_scripts, "connect": _connect_tenant}[
            read_requested_act(visit, "connect", "scripts")
        ]
        return apply_form(lambda: do(visit), lambda error: _build_form(visit, visit.form, error))
    return _build_form(visit, visit.request.query_params)


def _build_form(visit: Visit, given: Mapping[str, str], refused: str = "") -> dict[str, object]:
    try:
        connection = parse_connection(visit, given)
    except StateError as error:
        connection, refused = TenantConnection(), refused or str(error)
    grant = CollectionGrant(
        connection, tenants.find_needed_rights(visit.instance.data, connection), given.get("role") == "exact"
    )
    return {
        "refused": refused, "given": given, "connection": connection, "clouds": list_clouds(), "signing_in": SIGNING_IN,
        **_show_grant(visit, grant),
    }  # fmt: skip


def _show_grant(visit: Visit, grant: CollectionGrant) -> dict[str, object]:
    """The rights, the scripts that grant them, and where these are files."""
    asked = grant.connection
    what = {
        "tenant": asked.id, "sign_in": asked.sign_in, "client": asked.client, "subscriptions": " ".join(asked.subscriptions),
        "management_groups": " ".join(asked.management_groups), "cloud": asked.cloud, "graph": "1" if asked.graph else "0",
        "role": "exact" if grant.exact else "",
    }  # fmt: skip
    return {
        "files": {kind: visit.link(f"/sources/grant.{kind}", **what) for kind in SCRIPTS},
        "grant": grant, "az": render_az_script(grant), "bicep": render_bicep(grant),
        "actions": list_names(grant.rights, PermissionProvider.AZURE),
        "permissions": [one for one in grant.rights if one.place is PermissionProvider.GRAPH],
    }  # fmt: skip


def parse_connection(visit: Visit, given: Mapping[str, str]) -> TenantConnection:
    """The connection of a form; StateError for a scope that cannot be meant, so that no script holds what a shell would run."""
    given_connection = TenantConnection(
        given.get("tenant", ""),
        given.get("sign_in", SECRET),
        given.get("client", ""),
        split_lines(given.get("subscriptions", "")),
        split_lines(given.get("management_groups", "")),
        given.get("cloud", "public"),
        given.get("graph", "1") == "1",
    )
    return service.check_connection(visit.service, given_connection)


def _show_scripts(visit: Visit) -> str:
    """The address of the form with what was filled in but its secrets, so that its scripts are those of the scope."""
    form = visit.form
    parse_connection(visit, form)
    named = (
        "name",
        "tenant",
        "sign_in",
        "client",
        "subscriptions",
        "management_groups",
        "cloud",
        "graph",
        "hours",
    )
    return visit.build_address(**{name: form.get(name, "")[:4000] or None for name in named})


def _connect_tenant(visit: Visit) -> str:
    form = visit.form
    connection = parse_connection(visit, form)
    name, hours = form.get("name", "").strip(), parse_number(form.get("hours", "8"), "hours")
    service.connect_tenant(visit.service, Tenant(name, connection, hours=hours), _build_secrets(form))
    return visit.link(f"/sources/tenants/{name}", connected=1)


def _build_secrets(form: Mapping[str, str]) -> TenantSecrets:
    return TenantSecrets(
        form.get("secret", ""), form.get("certificate", "").strip(), form.get("password", "")
    )


def show_tenant(visit: Visit) -> Mapping[str, object] | Response:
    """One tenant; a form that comes back tests, changes, pauses or forgets it."""
    visit.caller.require(READ, "/")
    tenant = visit.instance.state.tenants.get(visit.parameters["name"])
    if visit.request.method == "POST":
        return apply_form(
            lambda: _apply_form(visit, tenant),
            lambda error: _show_tenant(visit, visit.instance.state.tenants.get(tenant.name), error),
            lambda: describe_concurrent_changes(
                visit,
                f"tenant {tenant.name}",
                _build_form_values(visit.instance.state.tenants.get(tenant.name)),
            ),
        )
    return _show_tenant(visit, tenant)


def _read_form_state(visit: Visit, tenant: Tenant) -> object:
    """Return what the forms of a tenant are drawn of."""
    secret = visit.instance.state.credentials.find_storage_time(tenant.credential)
    return tenant.connection, tenant.hours, tenant.enabled, secret


def _show_tenant(visit: Visit, tenant: Tenant, refused: str = "") -> Mapping[str, object] | Response:
    connection = tenant.connection
    grant = CollectionGrant(
        connection,
        tenants.find_needed_rights(visit.instance.data, connection),
        visit.get_query_value("role") == "exact",
    )
    trial = tenants.read_last_connection_test(tenant)
    if visit.get_query_value("format") == "csv":
        return build_csv_response(
            tenant.name,
            ("Subscription or resource group", "Readable", "Missing permissions", "Id"),
            _list_trial_rows(trial),
        )
    return {
        "refused": refused, "tenant": tenant, "connection": connection, "trial": trial, "clouds": list_clouds(),
        "signing_in": SIGNING_IN, "may": visit.caller.is_permitted(WRITE, "/"), "under_way": find_current_assessment(visit.instance),
        "may_remove": visit.caller.is_permitted(DELETE, "/"),
        "given": _build_form_values(tenant) | (dict(visit.form) if refused else {}),
        "etag": compute_form_digest(visit, _read_form_state(visit, tenant)), "overtaken": None,
        **find_running_test(visit, tenant.name), **_show_grant(visit, grant),
    }  # fmt: skip


def _list_trial_rows(trial: ConnectionTrial | None) -> list[tuple[str, str, str, str]]:
    """Return what a test found, a row a subscription, a resource group that is read beside it and a permission of Microsoft Graph."""
    if trial is None:
        return []
    scopes = []
    for one in trial.subscriptions:
        lacks = " ".join([one.reason, *one.lacks]).strip()
        scopes.append((one.name, "yes" if one.answers else "no", lacks, one.id))
        scopes += [(group.name, "yes", " ".join(group.lacks), group.id) for group in one.groups]
    permissions = [
        ("Microsoft Graph", "yes" if one.granted else "no", "" if one.granted else one.reason, one.name)
        for one in trial.permissions
    ]
    return scopes + permissions


def find_running_test(visit: Visit, name: str) -> dict[str, object]:
    """Since when a test is under way, None where none is; one that nobody makes for so long is `given_up`."""
    since = tenants.find_requested_test(visit.instance.state, name)
    seconds = (visit.instance.now - since).total_seconds() if since else 0.0
    late = seconds > GIVEN_UP
    return {"since": None if late else since, "seconds": seconds, "given_up": late}


def show_test_progress(visit: Visit) -> Response:
    """The line that says how long a test lasts already; the page is loaded anew when it is over."""
    visit.caller.require(READ, "/")
    tenant = visit.instance.state.tenants.get(visit.parameters["name"])
    found = find_running_test(visit, tenant.name)
    headers = {"Cache-Control": "no-store"} | ({} if found["since"] else {"HX-Refresh": "true"})
    return HTMLResponse(draw_template("testing.html", visit=visit, tenant=tenant, **found), headers=headers)


def _build_form_values(tenant: Tenant) -> dict[str, str]:
    """A tenant as its form shows it."""
    asked = tenant.connection
    return {
        "tenant": asked.id, "client": asked.client, "sign_in": asked.sign_in, "cloud": asked.cloud,
        "graph": "1" if asked.graph else "0", "subscriptions": "\n".join(asked.subscriptions),
        "management_groups": "\n".join(asked.management_groups), "hours": f"{tenant.hours:g}",
    }  # fmt: skip


def _apply_form(visit: Visit, tenant: Tenant) -> str:
    state, act = visit.instance.state, visit.form.get("act", "")
    if act == "test":
        service.ask_tenant_test(visit.service, tenant.name)
    elif act == "collect":
        service.request_collection(visit.service, tenant.name)
    else:
        visit.caller.require(DELETE if act == "remove" else WRITE, "/")
        with require_unchanged_state(visit, lambda: _read_form_state(visit, state.tenants.get(tenant.name))):
            return _apply_act(visit, tenant, act)
    return visit.build_address(done=act, connected=None, role=None)


def _apply_act(visit: Visit, tenant: Tenant, act: str) -> str:
    match act:
        case "remove":
            service.remove_tenant(visit.service, tenant.name)
            return visit.link("/sources")
        case "pause" | "go-on":
            service.change_tenant(visit.service, replace(tenant, enabled=act == "go-on"))
        case "change":
            _change_tenant(visit, tenant)
        case other:
            raise StateError(f"unknown action '{other[:40]}' for a tenant")
    return visit.build_address(done=act, connected=None, role=None)


def _change_tenant(visit: Visit, tenant: Tenant) -> None:
    form = visit.form
    secrets, hours = _build_secrets(form), parse_number(form.get("hours", "8"), "hours")
    wanted = replace(tenant, connection=parse_connection(visit, form), hours=hours)
    service.change_tenant(visit.service, wanted, secrets if secrets != TenantSecrets() else None)


def download_scripts(visit: Visit) -> Response:
    """The scripts as files, for what the address says."""
    connection = parse_connection(visit, visit.request.query_params)
    grant = CollectionGrant(
        connection,
        tenants.find_needed_rights(visit.instance.data, connection),
        visit.get_query_value("role") == "exact",
    )
    kind = visit.parameters["kind"]
    if kind not in SCRIPTS:
        raise NotFoundError(f"unknown script {kind[:40]}: expected grant.sh or grant.bicep")
    made, type_ = SCRIPTS[kind]
    return build_file_response(f"grant.{kind}", made(grant).encode(), type_)


def redirect_to_sources(visit: Visit) -> Response:
    """The tenants are a part of the page of sources."""
    return RedirectResponse(visit.link("/sources"), 303)


PAGES = (
    Page("/sources/tenants", "Tenants", "", READ, redirect_to_sources),
    Page(
        "/sources/tenants/new",
        "Connect a tenant",
        "tenant_new.html",
        READ,
        show_new,
        methods=("GET", "POST"),
        order=0,
    ),
    Page(
        "/sources/tenants/{name}",
        "Tenant",
        "tenant.html",
        READ,
        show_tenant,
        methods=("GET", "POST"),
        order=90,
    ),
    Page("/sources/tenants/{name}/testing", "Test", "", READ, show_test_progress),
    Page("/sources/grant.{kind}", "Script", "", READ, download_scripts),
)
