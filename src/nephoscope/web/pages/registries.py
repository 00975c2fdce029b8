"""Registries that are watched, with how they are; adding one by a form, and one with its test, change, pause and removal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import HTMLResponse, Response

from nephoscope.protect.registry.registry_connection import load_secrets
from nephoscope.protect.registry.registry_settings import (
    QuarantineMapping,
    RegistrySettings,
    RegistrySettingsError,
    read_settings,
)
from nephoscope.protect.registry.registry_watch import POLLED
from nephoscope.service import registries as service
from nephoscope.service.registries import DELETE, READ, WRITE
from nephoscope.state import StateError
from nephoscope.state.registries.registry_images import RegistryImageFilter
from nephoscope.state.registries.watched_registries import WatchedRegistry
from nephoscope.web.forms.form import apply_form, read_requested_act
from nephoscope.web.forms.optimistic_lock import (
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope.web.forms.registry_form import (
    build_policy_fields,
    build_setting_fields,
    keep_typed_fields,
    read_form,
    read_secrets,
)
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.registry_list import ListedRegistry, build_registry_list
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

HEADER = (
    "Registry", "Address", "State", "Held", "Waiting", "Images", "Last event", "Last poll", "Error", "Workspace",
)  # fmt: skip
#: What a new registry is proposed.
PROPOSED = RegistrySettings(quarantine=(QuarantineMapping(quarantine="quarantine/*", approved="approved/*"),))


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the list."""
    listed = [_make_row(visit, one) for one in visit.instance.state.watched_registries.all()]
    wanted = build_registry_list(visit)
    found = find_rows(visit, wanted, listed)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("registries", HEADER, map(_build_row, found.rows))
    return {
        "list": show_rows(visit, wanted, found),
        "any": bool(listed),
        "may": visit.caller.is_permitted(WRITE, "/"),
    }


def show_new(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the form of a new registry, or add the one that it sends."""
    visit.caller.require(WRITE, "/")
    if visit.request.method == "POST":
        return apply_form(lambda: _add_registry(visit), lambda error: _build_form(visit, error))
    return _build_form(visit)


def show_registry(visit: Visit) -> Mapping[str, object] | Response:
    """Fill the page of a registry; a form that comes back tests, changes, pauses or removes it, or makes the secret of its events."""
    found = visit.instance.state.watched_registries.get(visit.parameters["name"])
    if visit.request.method != "POST":
        return _show_registry(visit, found)
    if visit.form.get("act") == "secret":
        return _build_events_secret(visit, found)
    return apply_form(
        lambda: _apply_form(visit, found),
        lambda error: _show_registry(visit, found, error),
        lambda: describe_concurrent_changes(
            visit, found.name, _build_form_values(_build_settings(visit, found.name))
        ),
    )


def _build_form(visit: Visit, refused: str = "") -> dict[str, object]:
    settings, policy = build_setting_fields(PROPOSED), build_policy_fields(PROPOSED)
    if refused:
        settings, policy = keep_typed_fields(settings, visit.form), keep_typed_fields(policy, visit.form)
    return {
        "refused": refused, "settings": settings, "policy": policy, "given": dict(visit.form),
        "workspaces": visit.instance.state.workspaces.names(), "registry": None,
    }  # fmt: skip


def _add_registry(visit: Visit) -> str:
    form = visit.form
    try:
        made = service.add_registry(
            visit.service, form.get("name", "").strip(), form.get("address", "").strip(), read_form(form, PROPOSED),
            username=form.get("username", "").strip(), given=read_secrets(form), workspace=form.get("workspace", "default"),
        )  # fmt: skip
    except RegistrySettingsError as error:
        raise StateError(str(error)) from error
    return visit.link(f"/registries/{made.name}", done="added")


def _show_registry(visit: Visit, found: WatchedRegistry, refused: str = "") -> dict[str, object]:
    settings = _build_settings(visit, found.name)
    fields, policy = build_setting_fields(settings), build_policy_fields(settings)
    if refused and visit.form.get("act") == "change":
        fields, policy = keep_typed_fields(fields, visit.form), keep_typed_fields(policy, visit.form)
    kept = load_secrets(visit.instance.state, found) if visit.caller.is_permitted(WRITE, "/") else None
    return {
        "refused": refused, "listed": _make_row(visit, found), "registry": found, "settings": fields, "policy": policy,
        "keys": sorted(settings.keys), "identities": dict(sorted(settings.identities.items())),
        "exemptions": settings.policy.exemptions, "given": dict(visit.form),
        "kept": [name for name in ("password", "token", "events") if kept and getattr(kept, name)],
        "may": visit.caller.is_permitted(WRITE, "/"), "may_remove": visit.caller.is_permitted(DELETE, "/"),
        "etag": compute_form_digest(visit, _read_form_state(visit, found.name)),
        "overtaken": None, "workspaces": (), "done": visit.get_query_value("done"), "message": visit.get_query_value("message"),
    }  # fmt: skip


def _build_settings(visit: Visit, name: str) -> RegistrySettings:
    return read_settings(visit.instance.state.watched_registries.get(name).settings)


def _build_form_values(settings: RegistrySettings) -> dict[str, str]:
    return {one.name: one.value for one in (*build_setting_fields(settings), *build_policy_fields(settings))}


def _read_form_state(visit: Visit, name: str) -> object:
    """Return what the forms of a registry are drawn of."""
    found = visit.instance.state.watched_registries.get(name)
    return found.address, found.username, dict(found.settings), found.enabled


def _make_row(visit: Visit, found: WatchedRegistry) -> ListedRegistry:
    state = visit.instance.state
    poll = state.checkpoints.get(POLLED, found.name) or {}
    return ListedRegistry(
        found,
        state.registry_images.counts(RegistryImageFilter([found.name])),
        state.registry_images.map_last_event_times().get(found.name),
        datetime.fromisoformat(poll["at"]) if poll.get("at") else None,
        str(poll.get("error") or ""),
    )


def _build_row(one: ListedRegistry) -> tuple[object, ...]:
    return (
        one.registry.name, one.registry.address, one.state, one.held_count, one.waiting, sum(one.counts.values()),
        one.last_event.isoformat() if one.last_event else "", one.polled.isoformat() if one.polled else "", one.error,
        one.registry.workspace,
    )  # fmt: skip


def _apply_form(visit: Visit, found: WatchedRegistry) -> str:
    asked = read_requested_act(visit, "test", "change", "pause", "resume", "remove")
    if asked == "test":
        trial = service.try_registry(visit.service, found.name)
        if not trial.works:
            raise StateError(f"connection failed: {trial.message}")
        return visit.build_address(done="test", message=trial.message[:200])
    visit.caller.require(DELETE if asked == "remove" else WRITE, "/")
    with require_unchanged_state(visit, lambda: _read_form_state(visit, found.name)):
        if asked == "remove":
            service.remove_registry(visit.service, found.name)
            return visit.link("/registries")
        _change_registry(visit, found, asked)
    return visit.build_address(done=asked, message=None)


def _change_registry(visit: Visit, found: WatchedRegistry, asked: str) -> None:
    if asked != "change":
        service.change_registry(visit.service, found.name, enabled=asked == "resume")
        return
    form = visit.form
    try:
        service.change_registry(
            visit.service, found.name, address=form.get("address", "").strip(), username=form.get("username", "").strip(),
            settings=read_form(form, read_settings(found.settings)), given=read_secrets(form),
        )  # fmt: skip
    except RegistrySettingsError as error:
        raise StateError(str(error)) from error


def _build_events_secret(visit: Visit, found: WatchedRegistry) -> Response:
    """Show the secret that events of the registry carry, this once."""
    made = service.make_events_secret(visit.service, found.name)
    page = draw_template(
        "registry_secret.html", visit=visit, page=PAGES[2], registry=found, secret=made,
        address=f"{visit.base}/hooks/registries/{found.name}",
    )  # fmt: skip
    return HTMLResponse(page, headers={"Cache-Control": "no-store"})


PAGES = (
    Page("/registries", "Registries", "registries.html", READ, fill_page, PageArea.PROTECTION, 10, tenant=True, under_scope=SAME),
    Page(
        "/registries/new", "Add a registry", "registry_new.html", READ, show_new, methods=("GET", "POST"), tenant=True, order=0,
        under_scope=SAME,
    ),
    Page(
        "/registries/{name}", "Registry", "registry.html", READ, show_registry, methods=("GET", "POST"), tenant=True, order=90,
        under_scope=SAME,
    ),
)  # fmt: skip
