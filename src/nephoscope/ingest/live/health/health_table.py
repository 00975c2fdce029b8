"""The health of all sources as a table: a row for each table of each, and one for the source itself; and logs that are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.estate.tenant_stores import iterate_current
from nephoscope.ingest.live.health.health_evaluation import (
    HealthFinding,
    assess_health,
    find_silent_source,
    list_health_findings,
)
from nephoscope.ingest.live.health.missing_logs import MissingLogs, find_missing_logs
from nephoscope.ingest.live.health.newest_rows import read_newest_rows
from nephoscope.state.ingestion.source_health import SourceHealth, SourceRate

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.state import State

_KNOWN = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class HealthRow:
    """Health of a table of a source: `status` is ok or the kinds of what is wrong, `detail` says it in words.

    `last_hour` are rows of the last whole hour, `expected` those that are usual then (None = not known yet), `delay` the seconds
    from event to arrival, `bad_share` the part of the last day that went to quarantine, `untimed` the rows of the last day that have
    the time of ingestion because their records told none.
    """

    health: SourceHealth
    status: str
    detail: str
    last_hour: int
    expected: float | None
    delay: float | None
    bad_share: float
    untimed: int


def read_rows(state: State, now: datetime, source: str | None = None) -> list[HealthRow]:
    """The table, of all sources or of one; a source that is to run and brought nothing yet has a row too."""
    rates = state.source_health.rates(source, since=now - _KNOWN)
    every = state.source_health.all(source)
    sources = [one for one in state.sources.all() if source in (None, one.name)]
    silent = {
        (one.name, one.workspace): found
        for one in sources
        if (found := find_silent_source(one, every, now)) is not None
    }
    known = {(one.source, one.workspace) for one in every}
    waiting = [
        SourceHealth(one.name, "", one.workspace)
        for one in sources
        if one.enabled and (one.name, one.workspace) not in known
    ]
    table = []
    for health in sorted([*every, *waiting], key=lambda one: (one.source, one.workspace, one.table)):
        place = (health.source, health.workspace)
        whole = [rate for rate in rates if (rate.source, rate.workspace) == place]
        own = [silent[place]] if not health.table and place in silent else []
        table.append(_build_row(health, whole, own, now))
    return table


def _build_row(
    health: SourceHealth, whole: Sequence[SourceRate], found: Sequence[HealthFinding], now: datetime
) -> HealthRow:
    own = [rate for rate in whole if rate.table == health.table]
    stands, wrong = (
        assess_health(health, own, now, whole),
        [*found, *list_health_findings(health, own, now, whole)],
    )
    status = ", ".join(finding.kind for finding in wrong) or "ok"
    detail = "; ".join(finding.detail for finding in wrong) or health.error
    if not detail and not health.table and health.last_seen is None:
        detail = "nothing has come yet"
    return HealthRow(
        health, status, detail, stands.rate, stands.expected, stands.delay, stands.bad_share, stands.untimed
    )


def find_resources_missing_logs(
    lake: Lake, state: State, data: Path, now: datetime, days: int
) -> list[MissingLogs] | None:
    """Resources of the estate whose logs did not arrive for `days`, None where no estate is stored; StoreError."""
    resources = list(iterate_current(data))
    if not resources:
        return None
    workspaces = state.workspaces.names()
    newest_rows = read_newest_rows(lake, data, workspaces, now, timedelta(days=30 + days))
    return find_missing_logs(resources, newest_rows, lambda last: now - last > timedelta(days=days))
