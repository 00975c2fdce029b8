"""The list of segment violations: what is open or was observed between segments against the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_relative_time_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_state_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.page_data.segment_rows import OBSERVED, OPEN, SegmentRow

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_segment_list(visit: Visit) -> RowList[SegmentRow]:
    """Describe the list."""

    def build_target_cell(one: SegmentRow) -> ListCell:
        return build_text_cell(one.target, visit.link(f"/resource{one.target_id}") if one.target_id else "")

    return RowList(
        "segment-violations", "violation",
        (
            ListColumn("target", "Target", build_target_cell, main=True),
            ListColumn("kind", "Evidence", lambda one: build_state_cell(one.kind, "fail" if one.kind == OBSERVED else "new"),
            width="state"),
            build_text_column("from", "From", lambda one: one.source_segment, width="state"),
            build_text_column("to", "To", lambda one: one.target_segment, width="state"),
            build_text_column("source", "Source", lambda one: one.source),
            build_text_column("ports", "Ports", lambda one: one.ports),
            build_text_column("evidence", "Rules or flows", lambda one: one.evidence),
            build_relative_time_column("last", "Last flow", lambda one: one.last, shown=False),
        ),
        lambda one: one.key,
        (
            RowFacet("kind", "Evidence", lambda one: (one.kind,), order=(OBSERVED, OPEN)),
            RowFacet("from", "From", lambda one: (one.source_segment,)),
            RowFacet("to", "To", lambda one: (one.target_segment,)),
        ),
        lambda one: "\n".join((one.source, one.target, one.ports, one.evidence)),
        hint="Machine, address, port or rule",
    )  # fmt: skip
