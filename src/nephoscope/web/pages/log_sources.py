"""Sources of logs: adding one of each kind by a form, and one with its health, test, change, pause and removal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from starlette.responses import HTMLResponse, Response

from nephoscope.ingest.live import source_setup
from nephoscope.ingest.live.health.health_table import find_resources_missing_logs, read_rows
from nephoscope.ingest.live.live_source import SourceKind
from nephoscope.ingest.live.privileged_settings import is_always_owned
from nephoscope.ingest.live.source_kinds import describe_kind, get_source_kind, load_source_kinds
from nephoscope.service import sources as service
from nephoscope.service.sources import DELETE, HOST, WRITE
from nephoscope.state import StateError
from nephoscope.state.ingestion.sources import Source
from nephoscope.web.forms.form import apply_form
from nephoscope.web.forms.optimistic_lock import (
    compute_form_digest,
    describe_concurrent_changes,
    require_unchanged_state,
)
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.missing_log_list import build_missing_log_list
from nephoscope.web.page_data.sender_instructions import describe_sender
from nephoscope.web.pages.sources import READ
from nephoscope.web.rendering.templates import draw_template
from nephoscope.web.tables.health_table import build_health_table
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.tables.table_download import build_csv_response
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

SET, SECRET = "set.", "secret."
MOST_DAYS = 90


def show_new(visit: Visit) -> Mapping[str, object] | Response:
    """Choose a kind, then its form."""
    visit.caller.require(WRITE, "/")
    kind = load_source_kinds().get(visit.get_query_value("kind"))
    if visit.request.method == "POST" and kind is not None:
        return apply_form(lambda: _add_source(visit, kind), lambda error: _build_form(visit, kind, error))
    return _build_form(visit, kind)


def _build_form(visit: Visit, kind: SourceKind | None, refused: str = "") -> dict[str, object]:
    return {
        "refused": refused, "kinds": load_source_kinds(), "kind": kind, "settings": list(describe_kind(kind)) if kind else [],
        "secrets": _list_asked_secrets(kind) if kind else {},
        "workspaces": visit.instance.state.workspaces.names(), "given": dict(visit.form),
        "allowed": kind is None or not _is_owner_only(kind) or visit.caller.is_permitted(HOST, "/"),
        "owner": visit.caller.is_permitted(HOST, "/"),
    }  # fmt: skip


def _add_source(visit: Visit, kind: SourceKind) -> str:
    form = visit.form
    source = Source(form.get("name", "").strip(), kind.name, {}, form.get("workspace", "default"))
    made = service.add_source(
        visit.service, source, _read_form_settings(kind, form), _read_secrets(kind, form)
    )
    return visit.link(f"/sources/logs/{made.name}", done="added")


def _read_form_settings(kind: SourceKind, form: Mapping[str, str]) -> dict[str, object]:
    """The settings of a form: a field that was left empty keeps its default, a list may have a line an element."""
    found: dict[str, object] = {}
    for one in describe_kind(kind):
        text = form.get(SET + one.name, "").strip()
        if one.type == "list" and text:
            text = ",".join(part.strip() for part in text.replace("\r", "").split("\n") if part.strip())
        if text:
            found[one.name] = text
    return found


def _read_secrets(kind: SourceKind, form: Mapping[str, str]) -> dict[str, str]:
    return {name: form[SECRET + name] for name in kind.secrets if form.get(SECRET + name, "")}


def _list_asked_secrets(kind: SourceKind) -> Mapping[str, str]:
    """The secrets that a form asks for; tokens are made by a button of their own."""
    return {} if kind.name == source_setup.TOKENS else kind.secrets


def _is_owner_only(kind: SourceKind) -> bool:
    """Return whether every source of a kind is an owner's to set up."""
    return kind.name in source_setup.OF_THE_HOST or is_always_owned(kind)


def _build_tables(visit: Visit, source: Source) -> dict[str, Callable[[], PageTable]]:
    health = read_rows(visit.instance.state, visit.instance.now, source.name)
    whole = next((one for one in health if not one.health.table), None)
    errors = source_setup.summarize_errors(whole.health if whole else None).errors
    return {
        "health": lambda: build_health_table(health),
        "errors": lambda: PageTable(
            ("Part", "Error", "Since", "Last"),
            (
                [one.key or "The source", one.error, one.since.isoformat(), one.at.isoformat()]
                for one in errors
            ),
        ),
    }


def show_source(visit: Visit) -> Mapping[str, object] | Response:
    """One source; a form that comes back tests, changes, pauses or forgets it, or makes a token."""
    visit.caller.require(READ, "/")
    source = visit.instance.state.sources.get(visit.parameters["name"])
    if visit.request.method == "POST":
        if visit.form.get("act") == "token":
            return _build_token(visit, source)
        return apply_form(
            lambda: _apply_form(visit, source),
            lambda error: _show_source(visit, source, error),
            lambda: describe_concurrent_changes(
                visit, source.name, _build_form_values(visit.instance.state.sources.get(source.name))
            ),
        )
    file = download_table(visit, source.name, _build_tables(visit, source))
    return file if file is not None else _show_source(visit, source)


def _read_form_state(visit: Visit, source: Source) -> object:
    """Return what the forms of a source are drawn of."""
    return (
        source.settings,
        source.enabled,
        visit.instance.state.credentials.find_storage_time(source.credential),
    )


def _build_form_values(source: Source) -> dict[str, str]:
    """The settings of a source as its form shows them."""
    return {SET + name: _to_field_text(value) for name, value in source.settings.items()}


def _show_source(visit: Visit, source: Source, refused: str = "") -> dict[str, object]:
    state, kind = visit.instance.state, get_source_kind(source.kind)
    source = state.sources.get(source.name) if refused else source
    health = read_rows(state, visit.instance.now, source.name)
    whole = next((one for one in health if not one.health.table), None)
    hours: dict[datetime, int] = {}
    for rate in state.source_health.rates(source.name, since=visit.since):
        hours[rate.hour] = hours.get(rate.hour, 0) + rate.rows
    owner = visit.caller.is_permitted(HOST, "/")
    return {
        "owner": owner, "owned": () if owner else source_setup.list_source_privileged_settings(source),
        "refused": refused, "source": source, "kind": kind, "secrets": _list_asked_secrets(kind),
        "settings": list(describe_kind(kind)), "health": health, "whole": whole,
        "error": source_setup.find_source_error(state, source, whole.health if whole else None),
        "last_test": service.read_last_test_result(visit.service, source.name),
        "standing": source_setup.summarize_errors(whole.health if whole else None),
        "given": dict(visit.form) if refused else _build_form_values(source),
        "etag": compute_form_digest(visit, _read_form_state(visit, source)),
        "overtaken": None,
        "sender": describe_sender(source, visit.request.url.hostname or "HOST"),
        "first_row": min((one.health.first_seen for one in health if one.health.first_seen), default=None),
        "hours": [hours[hour] for hour in sorted(hours)], "may": _can_change(visit, source),
        "may_remove": visit.caller.is_permitted(DELETE, "/"),
        "kept": set(source_setup.get_source_secrets(state, source)) if source.credential else set(),
        "tokens": source.kind == source_setup.TOKENS,
    }  # fmt: skip


def _can_change(visit: Visit, source: Source) -> bool:
    host = source.kind in source_setup.OF_THE_HOST
    return visit.caller.is_permitted(WRITE, "/") and (not host or visit.caller.is_permitted(HOST, "/"))


def _to_field_text(value: object) -> str:
    """A setting as its field shows it."""
    if isinstance(value, list):
        return "\n".join(str(one) for one in value)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _apply_form(visit: Visit, source: Source) -> str:
    act = visit.form.get("act", "")
    if act == "test":
        service.try_source(visit.service, visit.instance.lake, source.name)
        return visit.build_address(done=act)
    if act == "remove":
        visit.caller.require(DELETE, "/")
    else:
        service.require_write(visit.service, source.kind)
    with require_unchanged_state(
        visit, lambda: _read_form_state(visit, visit.instance.state.sources.get(source.name))
    ):
        return _apply_act(visit, source, act)


def _apply_act(visit: Visit, source: Source, act: str) -> str:
    form = visit.form
    match act:
        case "remove":
            service.remove_source(visit.service, source.name)
            return visit.link("/sources")
        case "pause" | "go-on":
            service.change_source(visit.service, source.name, enabled=act == "go-on")
        case "change":
            kind = get_source_kind(source.kind)
            changed, secrets = _read_settings(kind, source, form), _read_secrets(kind, form)
            service.change_source(visit.service, source.name, changed, secrets)
        case other:
            raise StateError(f"unknown action '{other[:40]}' for a source")
    return visit.build_address(done=act)


def _read_settings(kind: SourceKind, source: Source, form: Mapping[str, str]) -> dict[str, object]:
    """The settings of a form that shows what is set: one that was emptied goes back to its default."""
    wanted = _read_form_settings(kind, form)
    emptied = {
        one.name: one.default
        for one in describe_kind(kind)
        if one.name in source.settings and one.name not in wanted and one.default is not None
    }
    return {**{name: value for name, value in emptied.items() if value != "None"}, **wanted}


def _build_token(visit: Visit, source: Source) -> Response:
    """A new token, shown this once."""
    made = service.make_source_token(visit.service, source.name, revoke=visit.form.get("revoke") == "1")
    drawn = draw_template("token.html", visit=visit, page=PAGES[1], source=source, token=made)
    return HTMLResponse(drawn, headers={"Cache-Control": "no-store"})


def fill_missing_logs(visit: Visit) -> Mapping[str, object] | Response:
    """Resources of the estate whose logs never arrive."""
    given = visit.get_query_value("days", "1")
    days = min(int(given), MOST_DAYS) if given.isdecimal() and len(given) < 4 and int(given) else 1
    instance = visit.instance
    found = find_resources_missing_logs(instance.lake, instance.state, instance.data, instance.now, days)
    reach = visit.reach(READ)
    seen = [one for one in found or () if reach.can_read(*_split_resource_place(one.resource))]
    wanted = build_missing_log_list(visit)
    shown = find_rows(visit, wanted, seen)
    if visit.get_query_value("format") == "csv":
        header = ("Resource", "Type", "Reason", "Setting", "Last row")
        return build_csv_response(
            "missing-logs",
            header,
            ((one.resource, one.type, one.reason, one.setting, one.last) for one in shown.rows),
        )
    return {
        "stored": found is not None, "list": show_rows(visit, wanted, shown), "any": bool(seen), "days": days,
    }  # fmt: skip


def _split_resource_place(id_: str) -> tuple[str, str]:
    """The subscription and the resource group of an id."""
    parts = id_.lower().split("/")
    return (parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""), "/".join(parts[:5])


PAGES = (
    Page(
        "/sources/logs/new",
        "Add a log source",
        "log_source_new.html",
        READ,
        show_new,
        methods=("GET", "POST"),
        order=0,
    ),
    Page(
        "/sources/logs/{name}",
        "Source",
        "log_source.html",
        READ,
        show_source,
        methods=("GET", "POST"),
        order=90,
        timed=True,
    ),
    Page("/sources/missing", "Missing logs", "missing_logs.html", READ, fill_missing_logs),
)
