"""The health of sources, and logs that are missing, as rows that a command prints."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nephoscope.estate.store import StoreError
from nephoscope.sources.live.health.table import missing_logs, rows

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State


def health_rows(state: State) -> list[dict[str, Any]]:
    """A row for each source and each of its tables, beside what is usual there."""
    return [
        {
            "source": one.health.source, "table": one.health.table, "status": one.status,
            "lastEvent": one.health.last_event, "lastSeen": one.health.last_seen, "rows": one.health.rows,
            "lastHour": one.last_hour, "expected": one.expected,
            "delay": None if one.delay is None else round(one.delay, 1), "quarantine": f"{one.bad_share:.1%}",
            "lag": one.health.lag, "detail": one.detail, "workspace": one.health.workspace,
        }
        for one in rows(state, datetime.now(UTC))
    ]  # fmt: skip


def missing_rows(lake: Lake, state: State, data: Path, days: int) -> list[dict[str, Any]]:
    """A row for each resource whose logs did not arrive for so many days; a usage error where no estate is stored."""
    try:
        found = missing_logs(lake, state, data, datetime.now(UTC), days)
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    if found is None:
        raise click.UsageError("no estate is stored here: nephoscope scan TARGET keeps one")
    names = ("resource", "type", "reason", "setting", "last")
    return [{name: getattr(one, name) for name in names} for one in found]
