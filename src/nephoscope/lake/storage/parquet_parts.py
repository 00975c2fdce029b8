"""Parquet parts of a table before their commit, written by row group."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake.transaction import AddAction

from nephoscope.lake.dictionary_rows import join_tables, pack_schema, unpack_schema
from nephoscope.lake.durable_files import GROUP_BYTES, ROW_GROUP, Disk, TableFile
from nephoscope.lake.schema.column_types import DAY, TIME
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.storage.delta_table import build_stored_schema

MOST_OPEN = 16
"""Days that are written to at the same time; of further ones some get a second file."""


@dataclass(frozen=True, slots=True)
class ParquetPart:
    """A Parquet file that a commit adds: rows of one day, from the `first` time to the `last`."""

    day: dt.date
    path: str
    size: int
    rows: int
    first: dt.datetime
    last: dt.datetime

    def to_add_action(self, *, change: bool) -> AddAction:
        """The action that adds it."""
        bounds = {name: {TIME: _format_iso(moment)} for name, moment in self._list_bounds()}
        stats = json.dumps({"numRecords": self.rows, **bounds, "nullCount": {TIME: 0}})
        now = int(dt.datetime.now(dt.UTC).timestamp() * 1000)
        return AddAction(self.path, self.size, {DAY: self.day.isoformat()}, now, change, stats)

    def _list_bounds(self) -> Iterator[tuple[str, dt.datetime]]:
        yield "minValues", self.first
        yield "maxValues", self.last


def _format_iso(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def write_parts(
    path: Path, table: LakeTable, rows: Iterable[pa.Table], columns: pa.Schema, disk: Disk
) -> list[ParquetPart]:
    """Rows as durable Parquet files, at least one a day; `columns` are all that one of them has, packed where one has them packed.

    Nothing is left of the files where that fails.
    """
    writing = _PartWriter(path, table, columns, disk)
    try:
        for group in group_rows(rows):
            writing.add(group)
            del group  # else it is there while the next one is made
        return writing.finish_files()
    except BaseException:
        writing.discard()
        raise


def discard_parts(path: Path, parts: Iterable[ParquetPart], disk: Disk) -> None:
    """Remove files that no commit adds."""
    for part in parts:
        disk.remove(path / part.path)


def group_rows(
    rows: Iterable[pa.Table],
    arranged: Callable[[list[pa.Table]], pa.Table] = join_tables,
    reach: int = 1,
) -> Iterator[pa.Table]:
    """Yield the same rows as tables of ROW_GROUP rows or of about GROUP_BYTES, the last one of what is left.

    `reach` groups at most are held, and `arranged` makes one table of what is held before one is given away.
    """
    held: list[pa.Table] = []
    count = taken = 0
    for one in rows:
        held.append(one)
        count, taken = count + one.num_rows, taken + one.nbytes
        del one
        while count >= reach * ROW_GROUP or taken >= reach * GROUP_BYTES:
            size = min(ROW_GROUP, max(1, count * GROUP_BYTES // max(taken, 1)))
            whole = arranged(held)
            yield whole.slice(0, size)
            held, taken = [whole.slice(size)], taken - taken * size // count
            count -= size
            del whole  # else it is there while the next one is made
    if count:
        yield arranged(held)


def merge_by_time(held: list[pa.Table]) -> pa.Table:
    """The rows of tables together, in the order of their time; the list is empty then, so that none is in memory twice."""
    whole = join_tables(held, promote="permissive")
    held.clear()
    times = whole.column(TIME).combine_chunks().cast(pa.int64())
    if len(times) < 2 or pc.all(pc.greater_equal(times[1:], times[:-1])).as_py():
        return whole
    order, schema = pc.array_sort_indices(times), whole.schema
    waiting, columns = whole.columns[::-1], []
    del whole, times
    while waiting:  # column by column, so that only one of them is in memory once more
        columns.append(waiting.pop().combine_chunks().take(order))
    return pa.Table.from_arrays(columns, schema=schema)


def compute_schema_fingerprint(schema: pa.Schema) -> str:
    """A short name of columns and types, by which files of the same columns are found without opening them."""
    return hashlib.blake2b(schema.remove_metadata().to_string().encode(), digest_size=6).hexdigest()


class _Day:
    """The file of a day that is being written."""

    def __init__(self, day: dt.date, relative: str, file: TableFile) -> None:
        self.day, self.relative, self.file = day, relative, file
        self.rows = 0
        self.first, self.last = dt.datetime.max.replace(tzinfo=dt.UTC), dt.datetime.min.replace(tzinfo=dt.UTC)

    def add(self, rows: pa.Table) -> None:
        bounds = pc.min_max(rows.column(TIME)).as_py()
        self.first, self.last = min(self.first, bounds["min"]), max(self.last, bounds["max"])
        self.rows += rows.num_rows
        self.file.write(rows)


class _PartWriter:
    """The files that rows are written into."""

    def __init__(self, path: Path, table: LakeTable, columns: pa.Schema, disk: Disk) -> None:
        self._path, self._table, self._disk = path, table, disk
        named = pa.schema(
            [field.with_name(table.stored_columns.get(field.name, field.name)) for field in columns]
        )
        plain = _build_file_schema(table, named)
        self._name, self._schema = compute_schema_fingerprint(plain), pack_schema(plain, named)
        self._open: dict[dt.date, _Day] = {}
        self._begun: list[Path] = []
        self._parts: list[ParquetPart] = []

    def add(self, rows: pa.Table) -> None:
        """Write a group, each row into the file of its day."""
        named = rows.rename_columns(
            [self._table.stored_columns.get(name, name) for name in rows.column_names]
        )
        for day, some in _split_by_day(named):
            found = self._open.pop(day, None) or self._begin_part(day)
            self._open[day] = found
            found.add(some)
            if len(self._open) > MOST_OPEN:
                self._end_part(next(iter(self._open)))

    def finish_files(self) -> list[ParquetPart]:
        """The files, closed and durable."""
        for day in sorted(self._open):
            self._end_part(day)
        return self._parts

    def discard(self) -> None:
        """Remove everything that was begun."""
        for one in self._open.values():
            with suppress(OSError):
                one.file.close()
        for path in self._begun:
            self._disk.remove(path)

    def _begin_part(self, day: dt.date) -> _Day:
        folder = self._path / f"{DAY}={day.isoformat()}"
        self._disk.make_folders(folder)
        path = folder / f"part-{self._name}-{uuid.uuid4().hex}.parquet"
        self._begun.append(path)
        return _Day(day, f"{folder.name}/{path.name}", self._disk.create_table_file(path, self._schema))

    def _end_part(self, day: dt.date) -> None:
        one = self._open[day]
        one.file.close()
        del self._open[day]
        path = self._path / one.relative
        self._disk.sync_path(path)
        self._disk.sync_folder(path.parent)
        self._parts.append(ParquetPart(day, one.relative, path.stat().st_size, one.rows, one.first, one.last))


def _split_by_day(rows: pa.Table) -> Iterator[tuple[dt.date, pa.Table]]:
    """The rows of each day, by the days' order."""
    days = rows.column(TIME).cast(pa.timestamp("us")).cast(pa.date32(), safe=False)
    distinct = sorted(pc.unique(days).to_pylist())
    if len(distinct) == 1:
        yield distinct[0], rows
        return
    whole = rows.combine_chunks()
    for day in distinct:
        yield day, whole.filter(pc.equal(days, pa.scalar(day, pa.date32())))


def _build_file_schema(table: LakeTable, rows: pa.Schema) -> pa.Schema:
    """The columns of a file: the table's, and those that only the disk knows."""
    own = build_stored_schema(table).remove(len(table.columns))
    return pa.schema([*own, *(field for field in unpack_schema(rows) if field.name not in own.names)])
