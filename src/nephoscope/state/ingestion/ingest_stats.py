"""Ingest statistics of an append, stored beside its rows in the spool and counted when it is flushed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """Acknowledged input of one table: rows, bad records, bytes, the newest event, the mean seconds from event to arrival.

    `untimed` of the rows have the time of ingestion, because their records tell none: they have no delay.
    """

    table: str
    rows: int
    bad: int = 0
    size: int = 0
    last_event: datetime | None = None
    delay: float = 0.0
    untimed: int = 0

    @property
    def timed_rows(self) -> int:
        """The rows that say when they were."""
        return self.rows - self.untimed


class Arrivals(msgspec.Struct, frozen=True, array_like=True):
    """Arrivals of a source in a workspace, and their time (aware); `left_out` are rows of tables that the workspace does not take."""

    source: str
    workspace: str
    at: datetime
    tables: tuple[Arrival, ...]
    left_out: int = 0


def sum_by_hour(several: Iterable[Arrivals]) -> list[Arrivals]:
    """One for each source, workspace and hour, in that order; `at` is the latest of each."""
    found: dict[tuple[str, str, datetime], Arrivals] = {}
    for one in several:
        key = one.source, one.workspace, one.at.replace(minute=0, second=0, microsecond=0)
        before = found.get(key)
        found[key] = one if before is None else _add_arrivals(before, one)
    return [found[key] for key in sorted(found)]


def _add_arrivals(one: Arrivals, other: Arrivals) -> Arrivals:
    tables = {arrival.table: arrival for arrival in one.tables}
    for arrival in other.tables:
        before = tables.get(arrival.table)
        tables[arrival.table] = arrival if before is None else _build_sum(before, arrival)
    return Arrivals(
        one.source,
        one.workspace,
        max(one.at, other.at),
        tuple(tables.values()),
        one.left_out + other.left_out,
    )


def _build_sum(one: Arrival, other: Arrival) -> Arrival:
    timed = one.timed_rows + other.timed_rows
    events = [event for event in (one.last_event, other.last_event) if event is not None]
    return Arrival(
        one.table,
        one.rows + other.rows,
        one.bad + other.bad,
        one.size + other.size,
        max(events, default=None),
        (one.delay * one.timed_rows + other.delay * other.timed_rows) / timed if timed else 0.0,
        one.untimed + other.untimed,
    )
