"""Settings: who may come in with which roles, and the audit of what they did; an owner's alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import msgspec
from starlette.responses import Response

from nephoscope.access.roles import ROLES
from nephoscope.access.sessions import list_open_sessions
from nephoscope.automation.config_errors import list_file_faults
from nephoscope.automation.rule import AutomationRule
from nephoscope.automation.rule_formats.response_rules import load_response_rules
from nephoscope.model.resource_binding import ResourceBinding, bind_resource
from nephoscope.service.principals import WRITE, bind_principal, end_sessions
from nephoscope.state import NotFoundError, StateError
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.state.audit.audit import AuditEntry
from nephoscope.web.forms.form import act, apply_form
from nephoscope.web.rendering.role_scopes import describe_place
from nephoscope.web.tables.page_tables import PageTable, file_of
from nephoscope.web.visits.page import SAME, Page, PageArea
from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/audit/read"
ENTRIES, MOST_CSV = 100, 100_000
_BINDING = ("resource", "computer", "device", "also")


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    tables = {
        "audit": lambda: _audit(visit),
        "people": lambda: _people(visit),
        "workspaces": lambda: _workspaces(visit),
        "responses": lambda: _responses(visit),
    }
    if (file := file_of(visit, "settings", tables)) is not None:
        return file
    if visit.request.method == "POST":
        return apply_form(lambda: _apply_form(visit), lambda why: _show_settings(visit, why))
    return _show_settings(visit)


def _show_settings(visit: Visit, refused: str = "") -> Mapping[str, object]:
    state = visit.instance.state
    given = visit.asked("before")
    before = int(given) if given.isdecimal() and len(given) < 15 else None
    entries = state.audit.entries(before=before, most=ENTRIES)
    return {
        "refused": refused,
        "principals": [
            (one, state.principals.roles(one.id), len(list_open_sessions(state, one.id)))
            for one in state.principals.all()
        ],
        "may_change": visit.caller.may(WRITE),
        "programs": [
            one for one in state.principals.all() if one.kind is PrincipalKind.PROGRAM and not one.disabled
        ],
        "given": {name: visit.form.get(name, "") for name in ("principal", *_BINDING)},
        "roles": ROLES,
        "entries": entries,
        "older": entries[-1].number if entries and entries[-1].number > 1 else None,
        "workspaces": state.workspaces.all(),
        "responses": _responses(visit),
        "faults": list_file_faults(visit.instance.data),
    }


def _apply_form(visit: Visit) -> str:
    """End all sessions of a person, or bind a program to a resource; the address of the page."""
    wanted = act(visit, "sign-out", "bind", "unbind")
    visit.service.require(WRITE)
    principal = visit.instance.state.principals.get(visit.form.get("principal", ""))
    if principal is None:
        raise NotFoundError("user or program not found")
    if wanted == "sign-out":
        end_sessions(visit.service, principal)
    else:
        bind_principal(visit.service, principal, _read_binding(visit) if wanted == "bind" else None)
    return visit.link("/settings")


def _read_binding(visit: Visit) -> ResourceBinding:
    """The binding that a form describes; StateError where it cannot be."""
    given = {name: visit.form.get(name, "").strip() for name in _BINDING}
    try:
        return bind_resource(
            given["resource"], given["computer"], given["device"], tuple(given["also"].split())
        )
    except ValueError as error:
        raise StateError(str(error)) from error


def _people(visit: Visit) -> PageTable:
    principals = visit.instance.state.principals
    rows = (
        (one.name, one.kind.value, "; ".join(f"{each.role} {describe_place(visit, each.scope)}" for each in roles),
         one.binding.resource if one.binding is not None else "", one.seen, len(list_open_sessions(visit.instance.state, one.id)),
         "yes" if one.disabled else "no", "; ".join(each.scope for each in roles))
        for one in principals.all()
        for roles in [principals.roles(one.id)]
    )  # fmt: skip
    return PageTable(
        ("Name", "Kind", "Roles", "Bound resource", "Last seen", "Sessions", "Disabled", "Scopes"), rows
    )


def _workspaces(visit: Visit) -> PageTable:
    rows = ((one.name, one.days, one.id) for one in visit.instance.state.workspaces.all())
    return PageTable(("Name", "Retention (days)", "Id"), rows)


def _responses(visit: Visit) -> PageTable:
    """The rules of response in the order in which they are asked, each with whether it is."""
    now = visit.instance.now
    rows = [
        (
            one.title,
            ", ".join(kind.name for kind in one.kinds),
            ", ".join(str(action["action"]) for action in one.actions),
            _find_standing(one, now),
        )
        for one in load_response_rules(visit.instance.data)[0]
    ]
    return PageTable(("Rule", "When", "Actions", "Status"), rows)


def _find_standing(one: AutomationRule, now: datetime) -> str:
    return "off" if not one.enabled else "over" if one.is_expired(now) else "on"


def _audit(visit: Visit) -> PageTable:
    entries = visit.instance.state.audit.entries(most=MOST_CSV)
    told = [_entry(one) for one in entries]
    if entries and entries[-1].number > 1:
        cut = f"truncated: entries 1 to {entries[-1].number - 1} are not in this file"
        told.append(("", "", "", cut, "", "", "", ""))
    return PageTable(("#", "Time", "User", "Operation", "Resource", "Outcome", "Address", "Detail"), told)


def _entry(one: AuditEntry) -> tuple[object, ...]:
    detail = msgspec.json.encode(one.detail).decode() if one.detail else ""
    return (
        one.number,
        one.moment.isoformat(),
        one.author,
        one.operation,
        one.target,
        one.outcome,
        one.address,
        detail,
    )


PAGE = Page(
    "/settings",
    "Settings",
    "settings.html",
    READ,
    fill_page,
    PageArea.ESTATE,
    90,
    ("GET", "POST"),
    tenant=True,
    under_scope=SAME,
)
