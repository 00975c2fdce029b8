"""Table inventory: rows, days, bytes and newest row of each table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nephoscope.lake.storage.delta_table import open_table
from nephoscope.lake.storage.snapshot import read_snapshot
from nephoscope.lake.storage.table_store import get_table_path, list_tables


@dataclass(frozen=True, slots=True)
class TableInventory:
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


@dataclass(frozen=True, slots=True)
class ExpiredDays:
    """The days of a table that its workspace keeps no longer: their number, the first of them, and the rows and bytes in them."""

    workspace: str
    table: str
    days: int
    first_day: dt.date
    rows: int
    size: int


def compute_first_retained_day(now: dt.datetime, days: int) -> dt.date:
    """The first day that is kept where rows are kept for so many days: days go as a whole."""
    return (now - dt.timedelta(days=days)).date()


def list_expired_days(
    data: Path, kept: Callable[[str, str], int | None], now: dt.datetime
) -> Iterator[ExpiredDays]:
    """Yield what a clean-up would remove now; `kept` says for how many days a workspace keeps a table (None: it is gone)."""
    for name, table in list_tables(data):
        days_kept = kept(name, table)
        if days_kept is None:
            continue
        path = get_table_path(data, name, table)
        handle = open_table(path)
        first = compute_first_retained_day(now, days_kept)
        old = [file for file in read_snapshot(handle, path).files if file.day < first] if handle else []
        if old:
            days = {file.day for file in old}
            rows, size = sum(file.rows for file in old), sum(file.size for file in old)
            yield ExpiredDays(name, table, len(days), min(days), rows, size)


def list_table_inventory(data: Path, workspace: str | None = None) -> Iterator[TableInventory]:
    """Every table that has been written, of one workspace or of all (None); read from the tables' logs alone."""
    for name, table in list_tables(data, workspace):
        path = get_table_path(data, name, table)
        handle = open_table(path)
        if handle is None:
            continue
        files = read_snapshot(handle, path).files
        days = {file.day for file in files}
        yield TableInventory(
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
