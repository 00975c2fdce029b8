"""A table from files: which format, which columns, which types."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from nephoscope.files.symlinks import explain_outside_link
from nephoscope.files.tables import type_inference
from nephoscope.files.tables.arrow import read_arrow
from nephoscope.files.tables.json_records import read_json_records
from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.engines.arrow_types import read_table_schema
from nephoscope_kql.engines.parquet import read_files_schema
from nephoscope_kql.types import KqlType

SEPARATORS = {".csv": ",", ".tsv": "\t", ".psv": "|"}
JSON = (".json", ".jsonl", ".ndjson")
ARROW = ".arrow"
ENDINGS = (*SEPARATORS, *JSON, ".parquet", ARROW)
INGESTED = ("_IngestedAt", "TimeGenerated")
"""The column that ingestion_time() reads: the first of these that the table has as a datetime."""

Columns = Mapping[str, KqlType]


class TableFileError(ValueError):
    """A file that cannot be read as a table; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table: its schema, and its rows as an Arrow table, or `files` of Parquet that are read where they are."""

    schema: TableSchema
    rows: pa.Table | None = None
    files: tuple[Path, ...] = ()


def read_table(name: str, path: Path, declared: Columns | None = None) -> FileTable:
    """The table in a file or in all files of a folder; `declared` columns have that type, the others the one their values have.

    A declared column that no file has is null. TableFileError where a file has another format or a value is not of its declared type.
    """
    files = _list_files(path)
    kinds = declared or {}
    if all(_find_suffix(file) == ".parquet" for file in files):
        found = _open_parquet(name, files, kinds)
        if found is not None:
            return found
    parts = [_read_table_file(file, kinds) for file in files]
    rows = _add_missing_columns(_join_parts(parts), kinds)
    return FileTable(_mark_ingestion_time(read_table_schema(name, rows)), rows)


def _list_files(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            raise TableFileError(f"{path}: no such file or folder")
        return [path]
    below = sorted(one for one in path.rglob("*") if not one.name.startswith("."))
    for one in below:
        if (
            one.is_symlink()
            and (one.is_dir() or _find_suffix(one) in ENDINGS)
            and (why := explain_outside_link(one, (path,)))
        ):
            raise TableFileError(f"{one}: {why}, or remove the link")
    found = [one for one in below if one.is_file() and _find_suffix(one) in ENDINGS]
    if not found:
        raise TableFileError(
            f"{path}: the folder has no file that ends in {', '.join(ENDINGS)} (or these with .gz)"
        )
    return found


def _find_suffix(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix


def _open_parquet(name: str, files: list[Path], kinds: Columns) -> FileTable | None:
    """Parquet as it lies there; None where a declared type needs its values converted."""
    try:
        schema = read_files_schema(name, files)
    except (pa.ArrowException, OSError) as error:
        raise TableFileError(f"{files[0]}: {error}") from error
    columns, storage = list(schema.columns), list(schema.storage)
    for place, (column, kind) in enumerate(columns):
        wanted = kinds.get(column, kind)
        if wanted != kind:
            if (kind, wanted) != (KqlType.STRING, KqlType.DYNAMIC):
                return None
            columns[place], storage[place] = (column, wanted), "text"
    if any(column not in {known for known, _ in columns} for column in kinds):
        return None
    whole = replace(schema, columns=tuple(columns), storage=tuple(storage))
    return FileTable(_mark_ingestion_time(whole), files=tuple(files))


def _mark_ingestion_time(schema: TableSchema) -> TableSchema:
    known = dict(schema.columns)
    found = next((name for name in INGESTED if known.get(name) == KqlType.DATETIME), "")
    return replace(schema, ingested=found)


def _read_table_file(path: Path, kinds: Columns) -> pa.Table:
    ending = _find_suffix(path)
    try:
        if ending == ".parquet":
            return _convert_texts(path, pq.read_table(path), kinds)
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        if ending in SEPARATORS:
            return _read_separated_text(path, data, SEPARATORS[ending], kinds)
        if ending in JSON:
            return _read_json(path, data, kinds)
        if ending == ARROW:
            return _convert_texts(path, read_arrow(data), kinds)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, TableFileError):
            raise
        raise TableFileError(f"{path}: {error}") from error
    raise TableFileError(f"{path}: not one of {', '.join(ENDINGS)} (or these with .gz)")


def _read_separated_text(path: Path, data: bytes, separator: str, kinds: Columns) -> pa.Table:
    """CSV with a header; every value is read as text first."""
    if not data.strip():
        raise TableFileError(f"{path}: the file is empty: a header is required")
    options = pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True)
    head = pyarrow.csv.open_csv(io.BytesIO(data), parse_options=options).schema.names
    found = pyarrow.csv.read_csv(
        io.BytesIO(data),
        parse_options=options,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={name: pa.string() for name in head}, strings_can_be_null=False
        ),
    ).combine_chunks()
    columns = {
        name: _infer_text_column(path, name, _combine_chunks(found.column(place)), kinds)
        for place, name in enumerate(found.column_names)
    }
    return _make_table(columns)


def _combine_chunks(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _infer_text_column(path: Path, name: str, texts: pa.Array, kinds: Columns) -> type_inference.Column:
    if name not in kinds:
        return type_inference.infer_from_texts(texts)
    return kinds[name], _require_values(
        type_inference.convert_texts(texts, kinds[name]), path, name, kinds[name]
    )


def _require_values(values: pa.Array | None, path: Path, name: str, kind: KqlType) -> pa.Array:
    if values is None:
        raise TableFileError(f"{path}: column {name} is declared as {kind} and has a value of another type")
    return values


def _read_json(path: Path, data: bytes, kinds: Columns) -> pa.Table:
    found = read_json_records(data)
    wanted = {**found.kinds, **kinds}
    columns: dict[str, type_inference.Column] = {}
    for name, values in found.columns.items():
        if name in wanted:
            kind = wanted[name]
            columns[name] = (
                kind,
                _require_values(type_inference.convert_values(values, kind), path, name, kind),
            )
        else:
            columns[name] = type_inference.infer_from_values(values)
    return _make_table(columns)


def _convert_texts(path: Path, rows: pa.Table, kinds: Columns) -> pa.Table:
    """A Parquet or Arrow table whose text columns are read as their declared types."""
    for place, name in enumerate(rows.column_names):
        kind = kinds.get(name)
        if kind is None or not pa.types.is_string(rows.column(place).type):
            continue
        texts = _combine_chunks(rows.combine_chunks().column(place)).fill_null("")
        values = _require_values(type_inference.convert_texts(texts, kind), path, name, kind)
        rows = rows.set_column(place, _build_field(name, kind, values), values)
    return rows


def _make_table(columns: Mapping[str, type_inference.Column]) -> pa.Table:
    fields = [_build_field(name, kind, values) for name, (kind, values) in columns.items()]
    return pa.Table.from_arrays([values for _, values in columns.values()], schema=pa.schema(fields))


def _build_field(name: str, kind: KqlType, values: pa.Array) -> pa.Field:
    return pa.field(name, values.type, metadata={b"kql.type": kind.encode()})


def _join_parts(parts: list[pa.Table]) -> pa.Table:
    """The rows of all files; where files differ in a column's type it is a string in all."""
    if len(parts) == 1:
        return parts[0]
    kinds: dict[str, set[str]] = {}
    for part in parts:
        for field in part.schema:
            kinds.setdefault(field.name, set()).add(_read_kind(field))
    mixed = {name for name, found in kinds.items() if len(found) > 1}
    return pa.concat_tables(
        [_to_text(part, mixed) for part in parts], promote_options="permissive"
    ).combine_chunks()


def _read_kind(field: pa.Field) -> str:
    declared = (field.metadata or {}).get(b"kql.type")
    return declared.decode() if declared else str(field.type)


def _to_text(part: pa.Table, names: Iterable[str]) -> pa.Table:
    for name in names:
        place = part.schema.get_field_index(name)
        if place >= 0:
            values = part.column(place).cast(pa.string())
            part = part.set_column(place, _build_field(name, KqlType.STRING, values), values)
    return part


def _add_missing_columns(rows: pa.Table, kinds: Columns) -> pa.Table:
    for name, kind in kinds.items():
        if name not in rows.column_names:
            empty = pa.nulls(rows.num_rows, _STORED[kind])
            rows = rows.append_column(_build_field(name, kind, empty), empty)
    return rows


_STORED = {
    **{kind: pa.string() for kind in KqlType},
    KqlType.BOOL: pa.bool_(),
    KqlType.INT: pa.int32(),
    KqlType.LONG: pa.int64(),
    KqlType.REAL: pa.float64(),
    KqlType.DECIMAL: pa.decimal128(38, 17),
    KqlType.DATETIME: pa.int64(),
    KqlType.TIMESPAN: pa.int64(),
}
