"""Small files joined: a day of a table that has many is read faster as few."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.lake.columns import storage_type
from nephoscope.lake.packed import is_packed, joined
from nephoscope.lake.snapshot import File, Snapshot
from nephoscope.lake.store import StoredTable
from nephoscope.lake.table import Table

SMALL = 32 << 20
MOST_SMALL = 32
TARGET = 64 << 20
MOST_ROWS = 2_000_000
"""Rows that a file should have at most: they are sorted in memory."""
_FEW_BYTES = 4
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


def compact(stored: StoredTable, most: int = MOST_SMALL) -> int:
    """Join the small files of every day that has more than `most`; how many files were joined."""
    count = 0
    for files in due(stored.snapshot(), most):
        for several in _batches(_worthwhile(files)):
            if stored.replace(several, _rows(several, stored.table), change=False):
                count += len(several)
    return count


def due(snapshot: Snapshot, most: int) -> Iterator[list[File]]:
    """The small files of every day that has more than `most` of them."""
    days: dict[dt.date, list[File]] = defaultdict(list)
    for file in snapshot.files:
        if file.size < SMALL and file.rows < MOST_ROWS // 2:
            days[file.day].append(file)
    yield from (files for _, files in sorted(days.items()) if len(files) > most)


def _worthwhile(files: list[File]) -> list[File]:
    """The files without those that are larger than all smaller ones together: so a row is not written again with every join.

    All of them where that would leave fewer than half.
    """
    chosen: list[File] = []
    size = 0
    for file in sorted(files, key=lambda file: file.size):
        if len(chosen) > 1 and file.size > size:
            break
        chosen.append(file)
        size += file.size
    return chosen if len(chosen) * 2 >= len(files) else files


def _batches(files: list[File]) -> Iterator[list[File]]:
    """Files, in the order of their time, that together are about as large as a file should be; a single one stays as it is."""
    batch: list[File] = []
    size = rows = 0
    for file in sorted(files, key=lambda file: (file.first or _LONG_AGO, file.relative)):
        if len(batch) > 1 and (size + file.size > TARGET or rows + file.rows > MOST_ROWS):
            yield batch
            batch, size, rows = [], 0, 0
        batch.append(file)
        size, rows = size + file.size, rows + file.rows
    if len(batch) > 1:
        yield batch


def _rows(files: list[File], table: Table) -> pa.Table:
    """The rows of files under KQL names, in the table's types; columns that only the disk knows among them."""
    known = {stored: name for name, stored in table.stored.items()}
    parts = []
    for file in files:
        metadata = pq.read_metadata(file.path)
        with pq.ParquetFile(file.path, metadata=metadata, read_dictionary=_repeating(metadata)) as opened:
            part = opened.read(_with_values(metadata))
        parts.append(part.rename_columns([known.get(name, name) for name in part.column_names]))
    whole = joined(parts, promote="permissive").combine_chunks()
    fields = [_field(field, table) for field in whole.schema]
    return whole.cast(pa.schema(fields))


def _repeating(file: pq.FileMetaData) -> list[str]:
    """The texts of a file that repeat so much that a value takes a few bytes: they are read packed, and take no more in memory."""
    names = []
    for place, name in enumerate(file.schema.names):
        chunks = [file.row_group(group).column(place) for group in range(file.num_row_groups)]
        text = bool(chunks) and all(chunk.physical_type == "BYTE_ARRAY" for chunk in chunks)
        if text and all(_is_small(chunk) for chunk in chunks):
            names.append(name)
    return names


def _is_small(chunk: pq.ColumnChunkMetaData) -> bool:
    return bool(chunk.has_dictionary_page and chunk.total_uncompressed_size <= _FEW_BYTES * chunk.num_values)


def _with_values(file: pq.FileMetaData) -> list[str]:
    """The columns of a file that are not null in all rows; the statistics say so, and the others need no memory."""
    names = []
    for place, name in enumerate(file.schema.names):
        chunks = [file.row_group(group).column(place) for group in range(file.num_row_groups)]
        if any(_has_values(chunk) for chunk in chunks):
            names.append(name)
    return names


def _has_values(chunk: pq.ColumnChunkMetaData) -> bool:
    known = chunk.statistics
    return known is None or not known.has_null_count or known.null_count < chunk.num_values


def _field(field: pa.Field, table: Table) -> pa.Field:
    kind = table.types.get(field.name)
    if kind is None or (is_packed(field.type) and pa.types.is_string(storage_type(kind))):
        return field
    return pa.field(field.name, storage_type(kind))
