"""Counts of resources by their state against a recommendation: the one place that says of how many a figure is.

A figure is of the resources that were assessed, those that pass or fail. Beside it stands how many could not be assessed; exempt
resources and those to which the recommendation does not apply are in neither.
"""

from __future__ import annotations

from collections import Counter

from nephoscope_policy.model.state import ComplianceState


class StateCounts(Counter[ComplianceState]):
    """Counts of resources by state."""

    @property
    def unhealthy(self) -> int:
        """The resources that fail."""
        return self[ComplianceState.NON_COMPLIANT]

    @property
    def healthy(self) -> int:
        """The resources that pass."""
        return self[ComplianceState.COMPLIANT]

    @property
    def assessed_count(self) -> int:
        """The resources that pass or fail."""
        return self.healthy + self.unhealthy

    @property
    def not_assessed(self) -> int:
        """The resources that neither pass nor fail, since something was not read or the assessment broke off."""
        return self[ComplianceState.UNKNOWN] + self[ComplianceState.ERROR]

    @property
    def excluded_count(self) -> int:
        """The resources that are exempt, or to which the recommendation does not apply."""
        return self[ComplianceState.EXEMPT] + self[ComplianceState.NOT_APPLICABLE]

    @property
    def failing_share(self) -> str:
        """The resources that fail of those that were assessed, as `1 of 4`."""
        return f"{self.unhealthy:,} of {self.assessed_count:,}"

    def describe(self, text: str = "{count} failing") -> str:
        """Return a text with `1 of 4` in the place of `{count}`, followed by how many were not assessed."""
        summary = text.replace("{count}", self.failing_share)
        return f"{summary}, {self.not_assessed:,} not assessed" if self.not_assessed else summary
