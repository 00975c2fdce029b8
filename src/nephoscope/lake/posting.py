"""Posting what waits in the outbox: rows that belong to changes of the state, appended to the lake exactly once."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from nephoscope.lake.quarantine import Bad
from nephoscope.lake.rows import arrow_of

if TYPE_CHECKING:
    import pyarrow as pa

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.lake.state.outbox import OutboxEntry

LEASE = "outbox"
SECONDS = 60.0


def post(lake: Lake, state: State, holder: str) -> int | None:
    """Append all that waits; how many rows, None where another process is at it."""
    lease = state.leases.take(LEASE, holder, SECONDS)
    if lease is None:
        return None

    def append(entries: tuple[OutboxEntry, ...], *, producer: str, sequence: int) -> None:
        for place, (workspace, tables, bad) in enumerate(_by_workspace(lake, entries)):
            # a batch that holds rows of several workspaces is several appends: each has its producer
            name = producer if place == 0 else f"{producer}-{workspace}"
            lake.writer().append(workspace, tables, bad=bad, producer=name, sequence=sequence)

    try:
        return state.outbox.drain(append, lease)
    finally:
        lease.release()


def _by_workspace(
    lake: Lake, entries: tuple[OutboxEntry, ...]
) -> list[tuple[str, dict[str, pa.Table], list[Bad]]]:
    grouped: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        grouped[entry.workspace][entry.table].append(dict(entry.row))
    return [(name, *_arrow(lake, name, tables)) for name, tables in sorted(grouped.items())]


def _arrow(
    lake: Lake, workspace: str, tables: dict[str, list[dict[str, Any]]]
) -> tuple[dict[str, pa.Table], list[Bad]]:
    now = dt.datetime.now(dt.UTC)
    made: dict[str, pa.Table] = {}
    bad: list[Bad] = []
    for name, rows in tables.items():
        found = arrow_of(lake.tables[name], rows, workspace=lake.workspace(workspace), now=now)
        made[name] = found.table
        bad += [
            Bad("outbox", f"row {place}", reason, str(rows[place]), "outbox", name)
            for place, reason in found.bad
        ]
    return made, bad
