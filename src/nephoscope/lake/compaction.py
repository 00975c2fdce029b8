"""Small files joined: a day of a table that has many is read faster as few."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.lake.snapshot import File, Snapshot
from nephoscope.lake.store import StoredTable
from nephoscope.lake.table import Table

SMALL = 32 << 20
MOST_SMALL = 32
TARGET = 128 << 20


def compact(stored: StoredTable, most: int = MOST_SMALL) -> int:
    """Join the small files of every day that has more than `most`; how many files were joined."""
    joined = 0
    for day, files in due(stored.snapshot(), most):
        joined += _join(stored, day, files)
    return joined


def due(snapshot: Snapshot, most: int) -> Iterator[tuple[dt.date, list[File]]]:
    """The days with more small files than `most`, and those files."""
    days: dict[dt.date, list[File]] = defaultdict(list)
    for file in snapshot.files:
        if file.size < SMALL:
            days[file.day].append(file)
    yield from ((day, files) for day, files in sorted(days.items()) if len(files) > most)


def _join(stored: StoredTable, day: dt.date, files: list[File]) -> int:
    joined = 0
    for several in _batches(files):
        rows = _rows(several, stored.table)
        while not stored.replace(several, rows, change=False):
            left = {file.relative for file in stored.snapshot().files if file.day == day}
            if any(file.relative not in left for file in several):
                return joined  # another compaction was faster
        joined += len(several)
    return joined


def _batches(files: list[File]) -> Iterator[list[File]]:
    """Files that together are about as large as a file should be; a single one stays as it is."""
    batch: list[File] = []
    size = 0
    for file in sorted(
        files, key=lambda file: (file.first or dt.datetime.min.replace(tzinfo=dt.UTC), file.relative)
    ):
        if batch and size + file.size > TARGET:
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if len(batch) > 1:
        yield batch


def _rows(files: list[File], table: Table) -> pa.Table:
    """The rows of files under KQL names, in the table's columns; columns that only disk knows follow."""
    known = {stored: name for name, stored in table.stored.items()}
    parts = []
    for file in files:
        part = pq.ParquetFile(file.path).read()
        parts.append(part.rename_columns([known.get(name, name) for name in part.column_names]))
    whole = pa.concat_tables(parts, promote_options="permissive")
    for field in table.schema:
        if field.name not in whole.column_names:
            whole = whole.append_column(field.name, pa.nulls(whole.num_rows, field.type))
    others = [name for name in whole.column_names if name not in table.types]
    chosen = whole.select([*table.schema.names, *others])
    return chosen.cast(pa.schema([*table.schema, *(chosen.schema.field(name) for name in others)]), safe=True)
