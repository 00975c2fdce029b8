"""The list of data gaps: what is missing, how many assessments wait for it, and what supplies it."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from nephoscope.posture.data_gaps.gap_groups import DataGap
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_number_column, build_text_column
from nephoscope.web.lists.list_cell import ListCell, build_severity_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.row_markup import PREVIEW
from nephoscope.web.lists.severity_column import ORDER
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.web.visits.request_context import Visit


def build_gap_key(one: DataGap) -> str:
    """Return what names a gap in the address; what it lacks may be a long text."""
    return blake2b(f"{one.missing.need.value} {one.missing.subject}".encode(), digest_size=8).hexdigest()


def build_gap_list(visit: Visit) -> RowList[DataGap]:
    """Describe the list; what closes a gap stands beside it."""

    def build_title_cell(one: DataGap) -> ListCell:
        return build_text_cell(
            one.title[:1].upper() + one.title[1:],
            visit.build_address(**{PREVIEW: build_gap_key(one), "done": None}),
        )

    return RowList(
        "data-gaps", "gap",
        (
            ListColumn("severity", "Severity", lambda one: build_severity_cell(_find_highest_severity(one)), width="severity",
            largest=True),
            ListColumn("missing", "Missing", build_title_cell, main=True, width="title"),
            build_text_column("kind", "Kind", lambda one: one.missing.need.value, width="of"),
            build_number_column("count", "Unknown", lambda one: one.count, optional=False,
            hint="Assessments that could not be evaluated"),
            build_number_column("recommendations", "Recommendations", lambda one: len(one.recommendations), shown=False),
            build_text_column("solution", "Solution", lambda one: one.remedy.action, sorted=False),
            build_text_column("permissions", "Required permission", lambda one: ", ".join(one.remedy.permissions), shown=False),
        ),
        build_gap_key,
        (
            RowFacet("kind", "Kind", lambda one: (one.missing.need.value,)),
            RowFacet("severity", "Severity", lambda one: (_find_highest_severity(one),), order=ORDER),
            RowFacet("solution", "Solution", lambda one: ("With a command" if one.remedy.commands else "Without a command",)),
        ),
        lambda one: "\n".join((one.title, one.remedy.action, *(each.title for each in one.recommendations))),
        hint="Missing data or recommendation",
    )  # fmt: skip


def _find_highest_severity(one: DataGap) -> str:
    severities = (each.severity for each in one.recommendations)
    return max(severities, key=lambda each: each.rank, default=Severity.MEDIUM).value
