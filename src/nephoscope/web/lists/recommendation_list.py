"""The lists of recommendations: those that resources fail or meet, and those that could not be assessed for some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from nephoscope.posture.published.priorities import Priority
from nephoscope.web.lists.column_headers import ListColumn
from nephoscope.web.lists.column_kinds import build_text_column
from nephoscope.web.lists.list_cell import NONE, ListCell, build_number_cell, build_text_cell
from nephoscope.web.lists.list_view import RowList
from nephoscope.web.lists.row_facets import RowFacet
from nephoscope.web.lists.severity_column import build_severity_column, build_severity_facet
from nephoscope.web.rendering.formatting import describe_cause_or_state, format_integer, format_unmet_title
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.published.findings import UnjudgedCount
    from nephoscope.web.visits.request_context import Visit

RISKS = {"exposed": "Internet exposure", "path": "On an attack path"}
#: States of resources that were not assessed, in the address of the page of a recommendation.
UNJUDGED = f"state={ComplianceState.UNKNOWN.value}&state={ComplianceState.ERROR.value}"


def find_risks(one: Priority) -> list[str]:
    """The risk factors of a recommendation: what makes its unhealthy resources urgent."""
    return [name for name, found in (("exposed", one.exposed), ("path", one.paths)) if found]


FACETS: tuple[RowFacet[Priority], ...] = (
    build_severity_facet(lambda one: one.tally.severity.value),
    RowFacet("risk", "Risk factor", find_risks, lambda one: RISKS.get(one, one)),
    RowFacet("control", "Control", lambda one: (one.control,) if one.control else ()),
)


def build_recommendation_list(visit: Visit) -> RowList[Priority]:
    """Describe the list; where something fails a recommendation, its title is what was found."""
    return RowList(
        "recommendations", "recommendation",
        (
            build_severity_column(lambda one: one.tally.severity.value),
            ListColumn("title", "Recommendation", partial(_build_title_cell, visit), main=True, width="title"),
            ListColumn("priority", "Priority", lambda one: build_text_cell(one.risks, whole=one.reason), optional=True, sorted=False),
            ListColumn("unhealthy", "Unhealthy", _build_unhealthy_cell, number=True, width="of",
                hint="Of the resources that were assessed"),
            ListColumn("gain", "Gain", _build_gain_cell, number=True, optional=True,
                hint="Score gain if all resources become healthy"),
            build_text_column("control", "Control", lambda one: one.control, shown=False),
        ),
        _read_key, FACETS, hint="Title",
    )  # fmt: skip


def build_unjudged_list(visit: Visit, found: Mapping[str, Sequence[UnjudgedCount]]) -> RowList[Priority]:
    """Describe the list of what could not be assessed, the most resources first."""

    def build_title_cell(one: Priority) -> ListCell:
        page = visit.link(f"/recommendations/{_read_key(one)}")
        return build_text_cell(one.tally.title, f"{page}{'&' if '?' in page else '?'}{UNJUDGED}")

    def build_reason_cell(one: Priority) -> ListCell:
        several = found[_read_key(one)]
        counted = ((each, f" ({format_integer(each.count)})" if len(several) > 1 else "") for each in several)
        return build_text_cell("; ".join(f"{describe_cause(each)}{count}" for each, count in counted))

    return RowList(
        "not-assessed", "recommendation",
        (
            build_severity_column(lambda one: one.tally.severity.value),
            ListColumn("title", "Recommendation", build_title_cell, main=True, width="title"),
            ListColumn("missing", "Not assessed",
                lambda one: build_number_cell(sum(each.count for each in found[_read_key(one)])), number=True),
            ListColumn("assessed", "Assessed", lambda one: build_number_cell(one.tally.counts.assessed_count), number=True,
            optional=True),
            ListColumn("reason", "Reason", build_reason_cell, optional=True),
        ),
        _read_key, FACETS, hint="Title", order="-missing",
    )  # fmt: skip


def describe_cause(one: UnjudgedCount) -> str:
    """Explain why resources could not be assessed."""
    return one.explanation or describe_cause_or_state(one.cause, one.state)


def _read_key(one: Priority) -> str:
    return one.tally.recommendation


def _build_title_cell(visit: Visit, one: Priority) -> ListCell:
    tally = one.tally
    return build_text_cell(
        format_unmet_title(tally.title, tally.unhealthy),
        visit.link(f"/recommendations/{tally.recommendation}"),
    )


def _build_unhealthy_cell(one: Priority) -> ListCell:
    counts = one.tally.counts
    text = f"{format_integer(counts.unhealthy)} of {format_integer(counts.assessed_count)}"
    if not counts.not_assessed:
        return build_number_cell(counts.unhealthy, text=text)
    missing = f"{format_integer(counts.not_assessed)} not assessed"
    # the note follows in the same line: without a comma two figures would stand side by side
    return build_number_cell(counts.unhealthy, text=f"{text},", note=missing)


def _build_gain_cell(one: Priority) -> ListCell:
    return build_number_cell(one.gain, text=f"+{one.gain:.2f}" if one.gain else NONE)
