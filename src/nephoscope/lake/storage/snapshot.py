"""A Delta table at one version: its files, with the days and times of their rows."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from nephoscope.lake.errors import LakeError, TableRefusedError
from nephoscope.lake.schema.column_types import DAY, INGESTED, TIME
from nephoscope.lake.storage.delta_table import LOG, open_table

_SLACK = dt.timedelta(milliseconds=1)
"""By how much the statistics of other writers may cut a time."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """A Parquet file: `relative` to the table's folder; `first` and `last` bound the times of its rows where that is known."""

    path: Path
    relative: str
    day: dt.date
    size: int
    rows: int
    first: dt.datetime | None
    last: dt.datetime | None

    def may_have(self, since: dt.datetime | None, until: dt.datetime | None) -> bool:
        """Return whether a row of it may lie between two times (both included, None = no bound)."""
        if since is not None and self.last is not None and self.last + _SLACK < since:
            return False
        return not (until is not None and self.first is not None and self.first > until)

    def estimate_rows(self, start: dt.datetime, end: dt.datetime) -> int:
        """Count how many of its rows lie in [start, end), were they spread evenly over its time."""
        if self.first is None or self.last is None or self.last <= self.first:
            return self.rows
        inside = min(end, self.last) - max(start, self.first)
        return round(self.rows * min(1.0, max(0.0, inside / (self.last - self.first))))


@lru_cache(maxsize=100_000)
def read_time_bounds(path: Path) -> tuple[dt.datetime, dt.datetime] | None:
    """When the first and the last row of a file came, as its footer says; None where it does not. Files never change."""
    footer = pq.read_metadata(path)
    if INGESTED not in footer.schema.names:
        return None
    place = footer.schema.names.index(INGESTED)
    found = [footer.row_group(group).column(place).statistics for group in range(footer.num_row_groups)]
    if not found or any(one is None or not one.has_min_max for one in found):
        return None
    return min(one.min for one in found), max(one.max for one in found)


@dataclass(frozen=True, slots=True)
class TableSnapshot:
    """The files of a version."""

    version: int
    files: tuple[ParquetFile, ...]


def read_snapshot(table: DeltaTable, path: Path) -> TableSnapshot:
    """The files of a handle's version."""
    found = pa.table(table.get_add_actions()).to_pylist()
    return TableSnapshot(table.version(), tuple(_file(path, action) for action in found))


def _file(path: Path, action: dict[str, Any]) -> ParquetFile:
    relative = action["path"]
    low, high = (action.get(bound) or {} for bound in ("min", "max"))
    return ParquetFile(
        path / unquote(relative),
        relative,
        action["partition"][DAY],
        action["size_bytes"],
        action["num_records"] or 0,
        low.get(TIME),
        high.get(TIME),
    )


class TableSnapshots:
    """The newest versions of tables, kept until there is a newer one; safe for threads. `mend` is tried on one that cannot be read."""

    def __init__(self, mend: Callable[[], object] = lambda: None) -> None:
        self._mend = mend
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[TableSnapshot, int]] = {}

    def newest_snapshot(self, path: Path) -> TableSnapshot | None:
        """The table's newest version, None where there is no table."""
        with self._lock:
            known, entry = self._known.get(path, (None, 0))
        if known is not None and _entry(path, known.version) == entry and not _entry(path, known.version + 1):
            return known
        table = self._open_table(path)
        if table is None:
            return None
        found = read_snapshot(table, path)
        with self._lock:
            self._known[path] = found, _entry(path, found.version)
        return found

    def _open_table(self, path: Path) -> DeltaTable | None:
        """The table; where it cannot be read it is mended first, as after a power cut."""
        try:
            return open_table(path)
        except TableRefusedError:
            raise
        except LakeError:
            self._mend()
            return open_table(path)


def _entry(path: Path, version: int) -> int:
    """Return which file the log's entry of a version is, 0 where there is none: one that was put aside may have been made again."""
    try:
        return (path / LOG / f"{version:020d}.json").stat().st_ino
    except FileNotFoundError:
        return 0
