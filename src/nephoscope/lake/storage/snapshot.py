"""A Delta table at one version: its files, with the days and times of their rows."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
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
from nephoscope.lake.storage.delta_table import LOG, open_table, update_table
from nephoscope.lake.storage.log_entries import LogCommit, read_log_entry

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
    """Return the ingestion times of a file's first and last row from its footer, None where it has none. Files never change."""
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

    def apply_entry(self, path: Path, done: LogCommit) -> TableSnapshot:
        """Return the next version: the files that its entry added come first, as the handle of a table lists them."""
        gone = done.removed.union(one.relative for one in done.added)
        added = (ParquetFile(path / one.relative, *one) for one in done.added)
        kept = (one for one in self.files if one.relative not in gone)
        return TableSnapshot(self.version + 1, (*added, *kept))


def read_snapshot(table: DeltaTable, path: Path, before: TableSnapshot | None = None) -> TableSnapshot:
    """The files of a handle's version; those that an earlier one of the same table had are its own."""
    found = pa.table(table.get_add_actions()).to_pylist()
    known = {} if before is None else {file.relative: file for file in before.files}
    files = tuple(known.get(action["path"]) or _build_file(path, action) for action in found)
    return TableSnapshot(table.version(), files)


def _build_file(path: Path, action: dict[str, Any]) -> ParquetFile:
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


_Entry = tuple[int, int, int]
"""Which file an entry of the log is: one that was put aside, or a folder that was, may have been made again."""


@dataclass(frozen=True, slots=True)
class _ReadTable:
    """A table as it was read: its newest version, the entry of the log that made it, a handle of this version or an earlier one."""

    snapshot: TableSnapshot
    entry: _Entry | None
    handle: DeltaTable

    def is_at(self, path: Path) -> bool:
        """Return whether the entry is still the one that was read."""
        return self.entry is not None and self.entry == _find_entry(path, self.snapshot.version)


class _ReadTables:
    """The tables that this process read last, by folder, for all lakes that it opens; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: OrderedDict[Path, _ReadTable] = OrderedDict()

    def get(self, path: Path) -> _ReadTable | None:
        """Return a table, None where it is not known."""
        with self._lock:
            return self._read.get(path)

    def pop(self, path: Path, known: _ReadTable) -> bool:
        """Take a table out, so that one thread alone has its handle; False where another has."""
        with self._lock:
            return self._read.get(path) is known and self._read.pop(path) is known

    def put(self, path: Path, read: _ReadTable) -> None:
        """Put a table in; the one that was not asked for the longest goes."""
        with self._lock:
            self._read[path] = read
            self._read.move_to_end(path)
            while len(self._read) > _TABLES:
                self._read.popitem(last=False)


_TABLES = 512
_read_tables = _ReadTables()


class TableSnapshots:
    """The newest versions of tables, read on from what this process knows; safe for threads.

    `mend` is tried on a table that cannot be read.
    """

    def __init__(self, mend: Callable[[], object] = lambda: None) -> None:
        self._mend = mend

    def read_newest_snapshot(self, path: Path) -> TableSnapshot | None:
        """The table's newest version, None where there is no table."""
        known = _read_tables.get(path)
        if known is None or not known.is_at(path):
            found = self._read_whole(path)
        elif _find_entry(path, known.snapshot.version + 1) is None:
            return known.snapshot
        else:
            on = _read_newer_commits(known, path) if _read_tables.pop(path, known) else None
            found = on or self._read_whole(path)
        if found is None:
            return None
        _read_tables.put(path, found)
        return found.snapshot

    def _read_whole(self, path: Path) -> _ReadTable | None:
        table = self._open_table(path)
        return None if table is None else _read_delta_table(table, path)

    def _open_table(self, path: Path) -> DeltaTable | None:
        """The table; where it cannot be read it is mended first, as after a power cut."""
        try:
            return open_table(path)
        except TableRefusedError:
            raise
        except LakeError:
            self._mend()
            return open_table(path)


def _read_delta_table(table: DeltaTable, path: Path, before: TableSnapshot | None = None) -> _ReadTable:
    found = read_snapshot(table, path, before)
    return _ReadTable(found, _find_entry(path, found.version), table)


def _read_newer_commits(known: _ReadTable, path: Path) -> _ReadTable | None:
    """Read what was committed since; None where the log does not go on from there."""
    return _read_entries(known, path) or _update(known, path)


def _read_entries(known: _ReadTable, path: Path) -> _ReadTable | None:
    """Read the entries of the log since; None where one of them does more than add and remove files."""
    found, entry = known.snapshot, known.entry
    while (following := _find_entry(path, found.version + 1)) is not None:
        done = read_log_entry(path, found.version + 1)
        if done is None:
            return None
        found, entry = found.apply_entry(path, done), following
    return _ReadTable(found, entry, known.handle)


def _update(known: _ReadTable, path: Path) -> _ReadTable | None:
    try:
        table = update_table(known.handle, path)
    except LakeError:
        return None
    return (
        _read_delta_table(table, path, known.snapshot) if table.version() > known.snapshot.version else None
    )


def _find_entry(path: Path, version: int) -> _Entry | None:
    """Return which file the log's entry of a version is, None where there is none."""
    try:
        found = (path / LOG / f"{version:020d}.json").stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
