"""Data gaps: what assessments lacked, how many wait for it, and the export, permission or command that settles them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response

from nephoscope.posture.data_gaps.gap_groups import DataGap, gaps_in
from nephoscope.web.tables.recommendation_table import READ
from nephoscope.web.tables.table_download import as_csv
from nephoscope.web.visits.page import Page
from nephoscope.web.visits.request_context import Visit

COLUMNS = (
    "Missing",
    "Kind",
    "Recommendation",
    "Severity",
    "Assessments",
    "Solution",
    "Commands",
    "Permissions",
    "Id",
)


def fill_page(visit: Visit) -> Mapping[str, object] | Response:
    """The list."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    reach = visit.reach(READ)
    gaps = gaps_in(snapshot.findings, reach)
    if visit.asked("format") == "csv":
        return as_csv("data-gaps", COLUMNS, _rows(gaps))
    return {
        "snapshot": snapshot,
        "gaps": gaps,
        "waiting": sum(one.count for one in gaps),
        "assessed": sum(snapshot.findings.states(reach).values()),
    }


def _rows(gaps: Sequence[DataGap]) -> Iterator[tuple[object, ...]]:
    for gap in gaps:
        told = (gap.remedy.action, "; ".join(gap.remedy.commands), "; ".join(gap.remedy.permissions))
        for one in gap.recommendations:
            yield gap.title, gap.missing.need.value, one.title, one.severity.value, one.count, *told, one.key


PAGES = (Page("/gaps", "Data gaps", "gaps.html", READ, fill_page),)
