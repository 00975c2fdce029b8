"""What lies in the lake: of each table the rows, days, bytes and the time of its newest row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nephoscope.lake.delta import opened
from nephoscope.lake.snapshot import snapshot_of
from nephoscope.lake.store import existing, table_path


@dataclass(frozen=True, slots=True)
class Holding:
    """A table of a workspace at a version: `days` that have rows, `size` bytes in `files`, `last_event` the newest TimeGenerated."""

    workspace: str
    table: str
    version: int
    rows: int
    days: int
    first_day: dt.date | None
    last_day: dt.date | None
    files: int
    size: int
    last_event: dt.datetime | None


def holdings(data: Path, workspace: str = "*") -> Iterator[Holding]:
    """Every table that has been written, of one workspace or of all; read from the tables' logs alone."""
    for name, table in existing(data, workspace):
        path = table_path(data, name, table)
        handle = opened(path)
        if handle is None:
            continue
        files = snapshot_of(handle, path).files
        days = {file.day for file in files}
        yield Holding(
            name,
            table,
            handle.version(),
            sum(file.rows for file in files),
            len(days),
            min(days, default=None),
            max(days, default=None),
            len(files),
            sum(file.size for file in files),
            max((file.last for file in files if file.last is not None), default=None),
        )
