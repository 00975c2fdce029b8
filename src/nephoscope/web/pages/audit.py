"""The audit: who did what, newest first; an owner's alone."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.responses import Response

from nephoscope.state.audit.audit import AuditEntry
from nephoscope.web.tables.page_tables import PageTable, file_of
from nephoscope.web.visits.page import SAME, Page
from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/audit/read"
ENTRIES, MOST_CSV = 100, 100_000


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    if (file := file_of(visit, "settings", {"audit": lambda: _audit(visit)})) is not None:
        return file
    given = visit.asked("before")
    before = int(given) if given.isdecimal() and len(given) < 15 else None
    entries = visit.instance.state.audit.entries(before=before, most=ENTRIES)
    return {"entries": entries, "older": entries[-1].number if entries and entries[-1].number > 1 else None}


def _audit(visit: Visit) -> PageTable:
    entries = visit.instance.state.audit.entries(most=MOST_CSV)
    told = [_entry(one) for one in entries]
    if entries and entries[-1].number > 1:
        cut = f"truncated: entries 1 to {entries[-1].number - 1} are not in this file"
        told.append(("", "", "", cut, "", "", "", ""))
    return PageTable(("#", "Time", "User", "Operation", "Resource", "Outcome", "Address", "Detail"), told)


def _entry(one: AuditEntry) -> tuple[object, ...]:
    detail = msgspec.json.encode(one.detail).decode() if one.detail else ""
    when, resource = one.moment.isoformat(), one.target
    return one.number, when, one.author, one.operation, resource, one.outcome, one.address, detail


PAGE = Page("/settings/audit", "Audit", "audit.html", READ, fill_page, tenant=True, under_scope=SAME)
