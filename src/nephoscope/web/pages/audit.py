"""The audit: who did what, newest first; an owner's alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from starlette.responses import Response

from nephoscope.alerts.incidents.alert_visibility import READ as ALERTS
from nephoscope.state.audit.audit import AuditEntry
from nephoscope.state.audit.audit_filter import AuditFilter
from nephoscope.web.lists.audit_list import FACETS, build_audit_filter, build_audit_list
from nephoscope.web.lists.list_view import ROWS, show_page
from nephoscope.web.lists.page_offset import compute_page_start
from nephoscope.web.lists.query_facets import Chosen, count_facets, read_chosen_values
from nephoscope.web.pages.alerts import map_rule_names
from nephoscope.web.rendering.display_names import find_guids
from nephoscope.web.rendering.resolved_names import find_known_names
from nephoscope.web.tables.page_tables import PageTable, download_table
from nephoscope.web.visits.page import SAME, Page
from nephoscope.web.visits.request_context import Visit

READ = "Nephoscope/audit/read"
MOST_CSV = 100_000


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """Return what the page shows."""
    audit = visit.instance.state.audit

    def build_filter(chosen: Chosen) -> AuditFilter:
        return build_audit_filter(visit.get_query_value("q"), visit.get_query_value("sort"), chosen)

    asked = build_filter(read_chosen_values(visit, FACETS))
    if (file := download_table(visit, "settings", {"audit": lambda: _build_audit(visit, asked)})) is not None:
        return file
    start = compute_page_start(visit)
    counted = count_facets(
        visit, FACETS, lambda name, chosen: audit.count_by_author(build_filter(chosen), name)
    )
    total = sum(audit.count_by_author(asked, "outcome").values())
    entries = audit.page(asked, start, ROWS)
    return {
        "list": show_page(
            visit, build_audit_list(_find_names(visit, entries)), entries, counted, total, start
        )
    }


def _find_names(visit: Visit, entries: Sequence[AuditEntry]) -> Mapping[str, str]:
    """Find the names of the ids that entries are about: of the estate, of alerts and of rules, as far as the visitor reads them."""
    found = find_known_names(visit, (one.target for one in entries))
    ids = {id_ for one in entries for id_ in find_guids(one.target)} - found.keys()
    if not ids:
        return found
    workspaces = visit.workspaces(ALERTS)
    kept = (visit.instance.state.alerts.get(id_) for id_ in sorted(ids))
    alerts = {
        one.id.lower(): str(one.document["AlertName"])
        for one in kept
        if one is not None and one.workspace in workspaces
    }
    return map_rule_names(visit, workspaces) | alerts | found


def _build_audit(visit: Visit, asked: AuditFilter) -> PageTable:
    entries = visit.instance.state.audit.page(asked, 0, MOST_CSV)
    rows = [_build_entry(one) for one in entries]
    if len(entries) == MOST_CSV:
        total = sum(visit.instance.state.audit.count_by_author(asked, "outcome").values())
        if total > MOST_CSV:
            rows.append(
                ("", "", "", f"truncated: {total - MOST_CSV} entries are not in this file", "", "", "", "")
            )
    return PageTable(("#", "Time", "User", "Operation", "Resource", "Outcome", "Address", "Detail"), rows)


def _build_entry(one: AuditEntry) -> tuple[object, ...]:
    detail = msgspec.json.encode(one.detail).decode() if one.detail else ""
    when, resource = one.moment.isoformat(), one.target
    return one.number, when, one.author, one.operation, resource, one.outcome, one.address, detail


PAGE = Page("/settings/audit", "Audit", "audit.html", READ, fill_page, tenant=True, under_scope=SAME)
