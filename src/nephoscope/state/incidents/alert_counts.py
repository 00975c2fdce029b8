"""Alert counts by rule and classification."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from nephoscope.state.database.database import Database
from nephoscope.state.incidents.alerts import AlertRow
from nephoscope.state.tables.incident_rows import IncidentRow

CLOSED = "Closed"


@dataclass(frozen=True, slots=True)
class AlertTally:
    """The alerts of a rule: `raised`, `held` back, and of those raised the ones whose incident is `closed`, as `false` or `benign`."""

    raised: int = 0
    held: int = 0
    closed: int = 0
    false: int = 0
    benign: int = 0

    @property
    def false_share(self) -> float | None:
        """The share of the closed ones that were false; None where none was closed."""
        return self.false / self.closed if self.closed else None


class AlertTallies:
    """Counts alerts by rule."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, workspace: str, since: datetime, rule: str = "") -> dict[str, AlertTally]:
        """Rule -> its alerts with events at a time or later, of one rule or of all that raised some."""
        held = (AlertRow.held_by != "").label("held")
        query = (
            select(AlertRow.rule, held, IncidentRow.status, IncidentRow.classification, func.count())
            .outerjoin(IncidentRow, AlertRow.incident == IncidentRow.number)
            .where(AlertRow.workspace == workspace, AlertRow.ended >= since)
            .group_by(AlertRow.rule, held, IncidentRow.status, IncidentRow.classification)
        )
        if rule:
            query = query.where(AlertRow.rule == rule)
        found: dict[str, dict[str, int]] = {}
        with self._database.read() as session:
            for name, was_held, status, classification, count in session.execute(query):
                counts = found.setdefault(name, {})
                for word in _list_counts(bool(was_held), status, classification):
                    counts[word] = counts.get(word, 0) + count
        return {name: AlertTally(**counts) for name, counts in found.items()}


def _list_counts(held: bool, status: str | None, classification: str | None) -> list[str]:
    """The counts that an alert is in."""
    if held:
        return ["held"]
    if status != CLOSED:
        return ["raised"]
    ways = {"FalsePositive": "false", "BenignPositive": "benign"}
    return ["raised", "closed", *([ways[classification]] if classification in ways else [])]
