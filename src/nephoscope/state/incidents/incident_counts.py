"""Incident counts by severity and owner, and of their alerts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from nephoscope.state.database.database import Database
from nephoscope.state.incidents.incident_filter import IncidentFilter
from nephoscope.state.tables.alert_rows import AlertRow
from nephoscope.state.tables.incident_rows import IncidentRow


@dataclass(frozen=True, slots=True)
class IncidentTally:
    """Number of incidents of a severity that have an owner, or none, and when the oldest of them was made."""

    severity: str
    owned: bool
    count: int
    oldest: datetime


def count_incidents(database: Database, workspace: str, sought: IncidentFilter) -> list[IncidentTally]:
    """Count those of a workspace that are sought, by severity and by whether they have an owner."""
    owned = (IncidentRow.owner != "").label("owned")
    query = (
        select(IncidentRow.severity, owned, func.count(), func.min(IncidentRow.created))
        .where(*sought.conditions(workspace))
        .group_by(IncidentRow.severity, owned)
    )
    with database.read() as session:
        return [IncidentTally(row[0], bool(row[1]), row[2], row[3]) for row in session.execute(query)]


def count_alerts(database: Database, incidents: Sequence[int]) -> dict[int, int]:
    """Incident -> how many alerts it has, of some incidents."""
    query = select(AlertRow.incident, func.count()).where(AlertRow.incident.in_(incidents))
    with database.read() as session:
        found = session.execute(query.group_by(AlertRow.incident))
        return {number: count for number, count in found if number is not None}
