"""Data gaps: what assessments lacked, how many wait for it, and the export, permission or command that settles them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from starlette.responses import Response

from nephoscope.posture.data_gaps.gap_groups import DataGap, list_gaps
from nephoscope.posture.data_gaps.segment_gaps import list_segment_gaps
from nephoscope.web.lists.gap_list import build_gap_key, build_gap_list
from nephoscope.web.lists.list_view import find_rows, show_rows
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.page_data.assessment_progress import describe_staleness
from nephoscope.web.tables.recommendation_table import READ
from nephoscope.web.tables.table_download import build_csv_response
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
    """Fill the list; the gap that the address opens stands beside it with its recommendations."""
    snapshot = visit.snapshot
    if snapshot is None:
        return {"snapshot": None}
    reach = visit.reach(READ)
    gaps = [*list_gaps(snapshot.findings, reach), *list_segment_gaps(visit.instance.state, reach)]
    wanted = build_gap_list(visit)
    found = find_rows(visit, wanted, gaps)
    if visit.get_query_value("format") == "csv":
        return build_csv_response("data-gaps", COLUMNS, _list_rows(found.rows))
    return {
        "snapshot": snapshot,
        "trouble": describe_staleness(visit.instance, whole=visit.caller.is_permitted(READ, "/")),
        "any": bool(gaps),
        "list": show_rows(visit, wanted, found),
        "beside": next(
            (one for one in found.rows if build_gap_key(one) == visit.get_query_value(PREVIEW)), None
        ),
        "waiting": sum(one.count for one in gaps),
        "assessed": sum(snapshot.findings.states(reach).values()),
    }


def _list_rows(gaps: Sequence[DataGap]) -> Iterator[tuple[object, ...]]:
    for gap in gaps:
        remedy_cells = (gap.remedy.action, "; ".join(gap.remedy.commands), "; ".join(gap.remedy.permissions))
        for one in gap.recommendations:
            yield (
                gap.title,
                gap.missing.need.value,
                one.title,
                one.severity.value,
                one.count,
                *remedy_cells,
                one.key,
            )
        if not gap.recommendations:
            yield gap.title, gap.missing.need.value, "", "", gap.count, *remedy_cells, ""


PAGES = (Page("/gaps", "Data gaps", "gaps.html", READ, fill_page),)
