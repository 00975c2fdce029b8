"""Alert events: rerun the query of an alert over its window and keep the rows that contain its entities."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.documents.duration import parse_duration
from nephoscope.alerts.investigation.incident_details import TimelineEntry, read_entities
from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.model.entity import Entity
from nephoscope.state.incidents.alerts import StoredAlert
from nephoscope_kql.errors import KqlError
from nephoscope_kql.known_options import COLUMN, FROM, TO

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake

MOST = 20
TIMEOUT = 120.0
SHOWN = 6


@dataclass(frozen=True, slots=True)
class AlertEvents:
    """Events behind an alert: rows, their total count, and the error that kept them from being read ('' = none)."""

    alert: StoredAlert
    rows: tuple[RuleResultRow, ...] = ()
    count: int = 0
    error: str = ""

    def iterate_timeline(self) -> Iterator[TimelineEntry]:
        """The rows as they stand in a timeline; one whose row says no time stands at the alert's."""
        for row in self.rows:
            times = row.list_times()
            yield TimelineEntry(
                times[0] if times else self.alert.started, "event", "", _format_line(row), self.alert.id
            )


def find_query_period(alert: StoredAlert) -> tuple[datetime, datetime] | None:
    """The times that the alert's query looked at, the last of which is also when it was run; None where the alert does not tell."""
    try:
        period = parse_duration(json.loads(alert.document["ExtendedProperties"])["Query Period"])
    except (KeyError, ValueError):
        return None
    return alert.raised - period, alert.raised


def to_repeatable_query(alert: StoredAlert) -> str:
    """The alert's query with what makes it give now what it gave then, '' where the alert has none.

    Source: https://learn.microsoft.com/kusto/query/set-statement
    """
    query = str(json.loads(alert.document.get("ExtendedProperties") or "{}").get("Query") or "")
    times = find_query_period(alert) if query else None
    if times is None:
        return query
    start, end = (one.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") for one in times)
    return (
        f"set query_now = datetime({end});\n"
        f"set {COLUMN} = 'TimeGenerated';\n"
        f"set {FROM} = datetime({start});\n"
        f"set {TO} = datetime({end});\n"
        f"{query}"
    )


def read_alert_events(lake: Lake, alert: StoredAlert, now: datetime, most: int = MOST) -> AlertEvents:
    """Run the alert's query again as it was run when it was raised."""
    properties, times = json.loads(alert.document["ExtendedProperties"]), find_query_period(alert)
    if times is None:
        return AlertEvents(alert, error="the alert does not tell over which time its query looked")
    try:
        span = RowSpan(*times, now)
        table = lake.rows(
            properties["Query"], workspace=alert.workspace, now=times[1], timeout=TIMEOUT, span=span
        )
    except (KqlError, LakeError, OSError, KeyError, ValueError) as error:
        return AlertEvents(alert, error=str(error) or type(error).__name__)
    rows = list(iterate_findings(table))
    own = _select_about(rows, read_entities(alert))
    return AlertEvents(alert, tuple(own[:most]), len(own))


def _select_about(rows: Sequence[RuleResultRow], entities: Sequence[Entity]) -> list[RuleResultRow]:
    """The rows that speak of the alert's entities; all where none does, as where an alert has no entity."""
    titles = {one.title.casefold() for one in entities}
    found = [row for row in rows if titles & {row.get_text(name).casefold() for name in row.columns}]
    return found or list(rows)


def _format_line(row: RuleResultRow) -> str:
    """The first values of a row that are not empty, without its times."""
    parts = [f"{name} {text}" for name in row.columns if name not in _LEFT and (text := row.get_text(name))]
    return ", ".join(part if len(part) <= 80 else f"{part[:79]}…" for part in parts[:SHOWN])


_LEFT = frozenset({"TimeGenerated", "TenantId", "Type", "_ItemId", "SourceSystem", "StartTime", "EndTime"})
