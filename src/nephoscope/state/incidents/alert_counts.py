"""Alert counts by rule and classification, and by time and severity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select

from nephoscope.state.database.database import Database
from nephoscope.state.incidents.alert_filter import VERSION, AlertFilter
from nephoscope.state.incidents.alerts import Alerts
from nephoscope.state.tables.alert_rows import AlertRow
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

    def count_by_rule(self, workspace: str, since: datetime, rule: str = "") -> dict[str, AlertTally]:
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


def count_by_time(
    database: Database, alerts: Alerts, workspace: str, looked: AlertFilter, edges: Sequence[datetime]
) -> Counter[tuple[int, str]]:
    """(Number of the interval, severity) -> how many of the alerts that are looked at ended in it.

    `edges` are the ends of the intervals, the first first; what ended at the last edge or later counts in the last interval.
    """
    columns = AlertRow.__table__.c
    slot = case(*((columns.ended < edge, at) for at, edge in enumerate(edges[:-1])), else_=len(edges) - 1)
    conditions = looked.conditions(workspace)
    with database.read() as session:
        if looked.within is None:
            placed = select(slot.label("slot"), columns.severity).where(*conditions).subquery()
            query = select(placed.c.slot, placed.c.severity, func.count()).group_by(*placed.c)
            return Counter({(int(at), severity): count for at, severity, count in session.execute(query)})
        rows = session.execute(select(columns.id, VERSION, slot, columns.severity).where(*conditions)).all()
        seen = set(alerts.select_in_reach(session, [(one[0], one[1]) for one in rows], looked.within))
    return Counter((int(at), severity) for id_, _, at, severity in rows if id_ in seen)


def _list_counts(held: bool, status: str | None, classification: str | None) -> list[str]:
    """The counts that an alert is in."""
    if held:
        return ["held"]
    if status != CLOSED:
        return ["raised"]
    ways = {"FalsePositive": "false", "BenignPositive": "benign"}
    return ["raised", "closed", *([ways[classification]] if classification in ways else [])]
