"""Findings by owner: findings by the value of a tag."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from nephoscope.posture.recommendations.report_row import ReportRow
from nephoscope_policy.model.state import Severity


class OwnerFindings(msgspec.Struct):
    """The findings of one owner by severity, and on how many resources they are."""

    findings: Counter[Severity] = msgspec.field(default_factory=Counter)
    resources: int = 0

    def add(self, other: OwnerFindings) -> None:
        """Count another holding of the same owner, on other resources."""
        self.findings.update(other.findings)
        self.resources += other.resources


def owners(findings: Iterable[ReportRow], tag: str) -> dict[str, OwnerFindings]:
    """Findings by the value of a tag ('' = the resource has none)."""
    found: dict[str, OwnerFindings] = {}
    seen: set[str] = set()
    for row in findings:
        holding = found.setdefault(row.owner(tag), OwnerFindings())
        holding.findings[row.recommendation.severity] += 1
        if row.assessment.resource not in seen:
            seen.add(row.assessment.resource)
            holding.resources += 1
    return found
