"""Recommendation table of a visit in priority order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.posture.published.priorities import EVERY, build_priorities
from nephoscope.web.rendering.formatting import STATES
from nephoscope.web.tables.page_tables import PageTable
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.posture.published.findings import FindingQuery
    from nephoscope.posture.published.priorities import Priority
    from nephoscope.web.visits.request_context import Visit

READ, PATHS = "Microsoft.Security/assessments/read", "Microsoft.Security/attackPaths/read"
HEADER = (
    "Severity", "Recommendation", "Priority", "Unhealthy", "Gain", "Control", "Assessed",
    *(STATES[one] for one in ComplianceState if one is not ComplianceState.NON_COMPLIANT), "Id",
)  # fmt: skip
"""Columns of the table; the status of other resources is a bar on the page, and numbers in a file."""


def rank_recommendations(visit: Visit, wanted: FindingQuery = EVERY) -> list[Priority]:
    """Return those of the scope that the visitor may see; none before the first assessment."""
    if visit.snapshot is None:
        return []
    return build_priorities(visit.snapshot).rank(visit.reach(READ), visit.reach(PATHS), wanted)


def build_recommendation_table(several: Iterable[Priority]) -> PageTable:
    """Recommendations as a table."""
    return PageTable(HEADER, map(_build_row, several))


def _build_row(one: Priority) -> list[object]:
    tally = one.tally
    return [
        tally.severity.value, tally.title, one.reason, tally.unhealthy, round(one.gain, 2), one.control, tally.counts.assessed_count,
        *(tally.counts[state] for state in ComplianceState if state is not ComplianceState.NON_COMPLIANT), tally.recommendation,
    ]  # fmt: skip
