"""Row selection: the rows of an evaluation that a reader needs, with or without conditions."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nephoscope.posture.recommendations.report_row import RecommendationGroup, ReportRow
from nephoscope_policy.model.state import ComplianceState

EVERY = frozenset(ComplianceState)
NOTHING: frozenset[ComplianceState] = frozenset()


class RowSelection(msgspec.Struct, frozen=True):
    """The rows in some states, of each group the first `each` (None = all), those that `takes` lets through.

    Rows in `reasons` are read with the conditions that decided them.
    """

    states: frozenset[ComplianceState] = EVERY
    reasons: frozenset[ComplianceState] = NOTHING
    each: int | None = None
    takes: Callable[[ReportRow], bool] | None = None

    def includes(self, group: RecommendationGroup) -> bool:
        """Return whether rows of the group are read."""
        return group.state in self.states
