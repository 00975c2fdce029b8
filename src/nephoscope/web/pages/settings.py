"""Settings: who may come in with which roles, and the audit of what they did; an owner's alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from nephoscope.access.roles import ROLES
from nephoscope.lake.state.audit import Entry
from nephoscope.web.download import as_csv
from nephoscope.web.page import SAME, Area, Page
from nephoscope.web.visit import Visit

READ = "Nephoscope/audit/read"
ENTRIES, MOST_CSV = 100, 100_000


def filled(visit: Visit) -> Mapping[str, Any] | Response:
    """What the page shows."""
    principals = visit.instance.state.principals
    if visit.asked("format") == "csv":
        return _file(visit)
    given = visit.asked("before")
    before = int(given) if given.isdecimal() and len(given) < 15 else None
    entries = visit.instance.state.audit.entries(before=before, most=ENTRIES)
    return {
        "principals": [(one, principals.roles(one.id)) for one in principals.all()],
        "roles": ROLES,
        "entries": entries,
        "older": entries[-1].number if entries and entries[-1].number > 1 else None,
        "workspaces": visit.instance.state.workspaces.all(),
    }


def _file(visit: Visit) -> Response:
    """A table of the page as a file: the people and programs, or the whole audit."""
    state = visit.instance.state
    if visit.asked("table") == "people":
        people = ((each, state.principals.roles(each.id)) for each in state.principals.all())
        rows = (
            (one.name, one.kind.value, "; ".join(f"{each.role} at {each.scope}" for each in roles), one.seen,
             "yes" if one.disabled else "no")
            for one, roles in people
        )  # fmt: skip
        return as_csv("people", ("Name", "Kind", "Roles", "Last seen", "Disabled"), rows)
    header = ("#", "When", "Who", "Operation", "What", "Outcome", "Address", "Detail")
    entries = state.audit.entries(most=MOST_CSV)
    told = [_entry(one) for one in entries]
    if entries and entries[-1].number > 1:
        told.append(
            (
                "",
                "",
                "",
                f"cut here: entries 1 to {entries[-1].number - 1} are not in this file",
                "",
                "",
                "",
                "",
            )
        )
    return as_csv("audit", header, told)


def _entry(one: Entry) -> tuple[Any, ...]:
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
    "/settings", "Settings", "settings.html", READ, filled, Area.ESTATE, 90, tenant=True, under_scope=SAME
)
