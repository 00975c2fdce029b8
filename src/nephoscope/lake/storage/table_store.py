"""The tables of a data folder as they lie on disk: a Delta table a workspace and table, and how the lease holder changes them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import RemoveAction

from nephoscope.lake.dictionary_rows import unite_schemas
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.schema.column_types import DAY
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.spool.append_frame import read_frame_columns, read_frame_rows
from nephoscope.lake.storage import delta_table
from nephoscope.lake.storage.delta_table import DeltaLog
from nephoscope.lake.storage.parquet_parts import ParquetPart, discard_parts, write_parts
from nephoscope.lake.storage.snapshot import ParquetFile, TableSnapshot, read_snapshot

LAKE = "lake"
CHECKPOINT_EVERY = 50


def get_table_path(data: Path, workspace: str, table: str) -> Path:
    """Return where a table of a workspace lies."""
    return data / LAKE / workspace / table


@dataclass(frozen=True, slots=True, eq=False)
class SpooledRows:
    """Rows of one table that a segment of a writer holds: `count` of them, in `size` bytes from byte `start` of the segment on."""

    writer: str
    number: int
    path: Path
    start: int
    size: int
    count: int

    def rows(self) -> pa.Table:
        """The rows, read anew: the segment stays until they are in their table."""
        return read_frame_rows(self._read_payload())

    def columns(self) -> pa.Schema:
        """The columns that they have."""
        return read_frame_columns(self._read_payload())

    def _read_payload(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.start)
            return file.read(self.size)


class RewrittenRows(NamedTuple):
    """Rows that take the place of others, table by table, and the columns that one of the tables has."""

    rows: Iterable[pa.Table]
    columns: pa.Schema


class StoredTable:
    """A Delta table to write to, one thread at a time. Other processes may write it too: a commit makes exactly the next version."""

    def __init__(self, path: Path, table: LakeTable, disk: Disk) -> None:
        self._path, self._table, self._disk = path, table, disk
        self._log = DeltaLog(path, disk)
        found = delta_table.open_table(path)
        self._handle = delta_table.create_table(path, table, disk) if found is None else found
        delta_table.evolve_table(self._handle, path, table)
        self._handle.update_incremental()
        self._schema = delta_table.build_stored_schema(table)

    @property
    def table(self) -> LakeTable:
        """The definition that it is written by."""
        return self._table

    def append(self, spooled: Sequence[SpooledRows]) -> int:
        """Add rows of segments, those of a segment that is in already left out; durable when it returns. How many rows were added."""
        self._handle.update_incremental()
        fresh: list[SpooledRows] = []
        parts: list[ParquetPart] = []
        while True:
            # asked of the handle that would commit them
            known = {
                one: self._handle.transaction_version(one) or 0 for one in {part.writer for part in spooled}
            }
            wanted = [one for one in spooled if one.number > known[one.writer]]
            if wanted != fresh:
                discard_parts(self._path, parts, self._disk)
                fresh, parts = wanted, self._write_spooled_rows(wanted) if wanted else []
            if not fresh:
                self._log.sync(self._handle.version())
                return 0
            newest = {one.writer: one.number for one in sorted(fresh, key=lambda one: one.number)}
            if self._commit_parts((), parts, newest, change=True):
                return sum(one.count for one in fresh)

    def snapshot(self) -> TableSnapshot:
        """The files at the newest version."""
        self._handle.update_incremental()
        return read_snapshot(self._handle, self._path)

    def replace(self, old: Sequence[ParquetFile], new: RewrittenRows | None, *, change: bool) -> bool:
        """Put rows in the place of files, or nothing; False where one of the files is there no more, and then nothing happened."""
        now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
        removed = [
            RemoveAction(file.relative, change, now, file.size, {DAY: file.day.isoformat()}) for file in old
        ]
        parts = [] if new is None else self._list_parts(new.rows, new.columns)
        gone = {file.relative for file in old}
        while gone <= {file.relative for file in self.snapshot().files}:
            if self._commit_parts(removed, parts, {}, change=change):
                return True
        discard_parts(self._path, parts, self._disk)
        return False

    def vacuum(self, hours: int, versions: Sequence[int]) -> list[str]:
        """Delete files that no version of the last hours and none of the given ones uses, and old entries of the log."""
        self._handle.update_incremental()
        kept = [version for version in versions if version <= self._handle.version()]
        gone = self._handle.vacuum(
            hours, dry_run=False, enforce_retention_duration=False, full=True, keep_versions=kept or None
        )
        self._handle.update_incremental()
        self._log.sync(self._handle.version())
        if not kept:
            self._handle.cleanup_metadata()
        return list(gone)

    def _write_spooled_rows(self, spooled: Sequence[SpooledRows]) -> list[ParquetPart]:
        columns = unite_schemas(one.columns() for one in spooled)
        return self._list_parts((one.rows() for one in spooled), columns)

    def _list_parts(self, rows: Iterable[pa.Table], columns: pa.Schema) -> list[ParquetPart]:
        return write_parts(self._path, self._table, rows, columns, self._disk)

    def _commit_parts(
        self,
        removed: Sequence[delta_table.Action],
        parts: Sequence[ParquetPart],
        transactions: Mapping[str, int],
        *,
        change: bool,
    ) -> bool:
        """Commit at the next version, durably; False where another writer came first. Of another failure no part is left."""
        before = self._handle.version()
        actions = [*removed, *(part.to_add_action(change=change) for part in parts)]
        try:
            delta_table.commit_version(self._handle, actions, self._schema, transactions)
        except (DeltaError, OSError) as error:
            self._handle.update_incremental()
            if not self._was_committed(parts, before):
                if isinstance(error, CommitFailedError):
                    return False
                discard_parts(self._path, parts, self._disk)
                raise
        self._log.sync(self._handle.version())
        if self._handle.version() % CHECKPOINT_EVERY == 0:
            self._log.write_checkpoint(self._handle)
        return True

    def _was_committed(self, parts: Sequence[ParquetPart], before: int) -> bool:
        """Return whether a commit that failed came through all the same."""
        if not parts or self._handle.version() == before:
            return False
        known = {file.relative for file in self.snapshot().files}
        return any(part.path in known for part in parts)


class Store:
    """All tables of a data folder, opened when they are first written to."""

    def __init__(self, data: Path, table: Callable[[str], LakeTable], disk: Disk) -> None:
        self._data, self._table, self._disk = data, table, disk
        self._open: dict[tuple[str, str], StoredTable] = {}

    def get(self, workspace: str, name: str) -> StoredTable:
        """A table to write to; it is made where there is none."""
        table = self._table(name)
        found = self._open.get((workspace, name))
        if found is None or found.table != table:
            found = StoredTable(get_table_path(self._data, workspace, name), table, self._disk)
            self._open[workspace, name] = found
        return found

    def forget(self) -> None:
        """Open everything anew when it is next used: another process may have written."""
        self._open.clear()

    def repair(self) -> None:
        """Make every table readable after a power cut; for the holder of the lease, before it does anything else."""
        for key in self.iterate_tables():
            DeltaLog(get_table_path(self._data, *key), self._disk).repair_log()

    def iterate_tables(self) -> Iterator[tuple[str, str]]:
        """The workspaces and tables that have a folder."""
        return list_tables(self._data)


def list_tables(data: Path, workspace: str | None = None) -> Iterator[tuple[str, str]]:
    """The (workspace, table) that have a Delta table in a data folder, those of one workspace where it is named."""
    lake = data / LAKE
    folders = [one for one in lake.iterdir() if workspace in (None, one.name)] if lake.is_dir() else []
    for log in sorted(found for folder in folders for found in folder.glob(f"*/{delta_table.LOG}")):
        yield log.parent.parent.name, log.parent.name


__all__ = ["LAKE", "RewrittenRows", "SpooledRows", "Store", "StoredTable", "get_table_path", "list_tables"]
