"""Small files joined: a day of a table that has many is read faster as few."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.lake.dictionary_rows import is_packed, unite_schemas
from nephoscope.lake.schema.column_types import TIME, get_storage_type
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.storage.parquet_parts import group_rows, merge_by_time
from nephoscope.lake.storage.snapshot import ParquetFile, TableSnapshot
from nephoscope.lake.storage.table_store import RewrittenRows, StoredTable

SMALL = 32 << 20
MOST_SMALL = 32
TARGET = 64 << 20
MOST_ROWS = 2_000_000
"""Rows that a file should have at most."""
_FEW_BYTES = 4
_LONG_AGO = dt.datetime.min.replace(tzinfo=dt.UTC)


def compact_table(stored: StoredTable, most: int = MOST_SMALL) -> int:
    """Join the small files of every day that has more than `most`; how many files were joined."""
    count = 0
    for files in find_due_compactions(stored.snapshot(), most):
        for several in _list_batches(_select_files_to_compact(files)):
            if stored.replace(several, _read_rows(several, stored.table), change=False):
                count += len(several)
    return count


def find_due_compactions(snapshot: TableSnapshot, most: int) -> Iterator[list[ParquetFile]]:
    """The small files of every day that has more than `most` of them."""
    days: dict[dt.date, list[ParquetFile]] = defaultdict(list)
    for file in snapshot.files:
        if file.size < SMALL and file.rows < MOST_ROWS // 2:
            days[file.day].append(file)
    yield from (files for _, files in sorted(days.items()) if len(files) > most)


def _select_files_to_compact(files: list[ParquetFile]) -> list[ParquetFile]:
    """The files without those that are larger than all smaller ones together: so a row is not written again with every join.

    All of them where that would leave fewer than half.
    """
    chosen: list[ParquetFile] = []
    size = 0
    for file in sorted(files, key=lambda file: file.size):
        if len(chosen) > 1 and file.size > size:
            break
        chosen.append(file)
        size += file.size
    return chosen if len(chosen) * 2 >= len(files) else files


def _list_batches(files: list[ParquetFile]) -> Iterator[list[ParquetFile]]:
    """Files, in the order of their time, that together are about as large as a file should be; a single one stays as it is."""
    batch: list[ParquetFile] = []
    size = rows = 0
    for file in sorted(files, key=lambda file: (file.first or _LONG_AGO, file.relative)):
        if len(batch) > 1 and (size + file.size > TARGET or rows + file.rows > MOST_ROWS):
            yield batch
            batch, size, rows = [], 0, 0
        batch.append(file)
        size, rows = size + file.size, rows + file.rows
    if len(batch) > 1:
        yield batch


@dataclass(frozen=True, slots=True)
class _RowGroup:
    """A row group of a file: the least time in it, and the columns that are read of it, those packed that repeat."""

    first: dt.datetime
    path: Path
    number: int
    columns: tuple[str, ...]
    packed: tuple[str, ...]

    def rows(self) -> pa.Table:
        """Its rows, under the names on disk."""
        with pq.ParquetFile(self.path, read_dictionary=list(self.packed)) as opened:
            return opened.read_row_group(self.number, list(self.columns))


def _read_rows(files: list[ParquetFile], table: LakeTable) -> RewrittenRows:
    """The rows of files under KQL names, in the table's types; columns that only the disk knows among them."""
    known = {stored: name for name, stored in table.stored_columns.items()}
    groups: list[_RowGroup] = []
    schemas: list[pa.Schema] = []
    for file in files:
        found, columns = _open_file(file.path)
        groups += found
        schemas.append(pa.schema([field.with_name(known.get(field.name, field.name)) for field in columns]))
    wanted = pa.schema([_build_field(field, table) for field in unite_schemas(schemas)])
    groups.sort(key=lambda group: (group.first, str(group.path), group.number))
    renamed = (_rename_columns(group.rows(), known, wanted) for group in groups)
    return RewrittenRows(sort_rows(renamed), wanted)


def _open_file(path: Path) -> tuple[list[_RowGroup], pa.Schema]:
    """The row groups of a file, and the columns that have values."""
    metadata = pq.read_metadata(path)
    packed = _find_repeating_columns(metadata)
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=packed) as opened:
        schema = opened.schema_arrow
    names = _with_values(metadata)
    columns = pa.schema([schema.field(name) for name in names])
    place = metadata.schema.names.index(TIME)
    firsts = [
        _read_minimum_time(metadata.row_group(number).column(place))
        for number in range(metadata.num_row_groups)
    ]
    return [
        _RowGroup(first, path, number, tuple(names), tuple(packed)) for number, first in enumerate(firsts)
    ], columns


def _read_minimum_time(chunk: pq.ColumnChunkMetaData) -> dt.datetime:
    known = chunk.statistics
    return known.min if known is not None and known.has_min_max else _LONG_AGO


def _rename_columns(rows: pa.Table, known: Mapping[str, str], wanted: pa.Schema) -> pa.Table:
    """Rows under KQL names and in the wanted types."""
    named = rows.rename_columns([known.get(name, name) for name in rows.column_names])
    fields = [wanted.field(name) for name in named.column_names]
    plain = [
        field if is_packed(named.schema.field(field.name).type) else _unpack_field(field) for field in fields
    ]
    return named.cast(pa.schema(plain))


def _unpack_field(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if is_packed(field.type) else field


def sort_rows(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of tables, which come by their least times, in the order of their time as far as the rows held at once reach."""
    yield from group_rows(tables, merge_by_time, reach=2)


def _find_repeating_columns(file: pq.FileMetaData) -> list[str]:
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


def _build_field(field: pa.Field, table: LakeTable) -> pa.Field:
    kind = table.types.get(field.name)
    if kind is None or (is_packed(field.type) and pa.types.is_string(get_storage_type(kind))):
        return field
    return pa.field(field.name, get_storage_type(kind))
