"""Parquet files as the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.kql.catalog import TableSchema
from nephoscope.kql.dialects import build
from nephoscope.kql.dialects.duckdb import printed
from nephoscope.kql.engines.fields import schema_of_fields


def schema_of_files(name: str, files: Sequence[Path]) -> TableSchema:
    """The KQL schema of a table in Parquet files: the columns of all of them, those of the first file first."""
    return schema_of_fields(name, _united(_groups(files)))


def files_as_rows(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]
) -> duckdb.DuckDBPyRelation:
    """The rows of the files under the stored names of their schema; a column that a file lacks is null."""
    groups = _groups(files)
    united = _united(groups)
    stored = schema_of_fields(name, united).stored_names()
    rows: duckdb.DuckDBPyRelation | None = None
    for own, several in groups.items():
        part = _renamed(
            connection.read_parquet([str(path) for path in several]), own.names, united.names, stored
        )
        rows = part if rows is None else rows.union(part)
    if rows is None:
        raise ValueError(f"table {name} has no file")
    return rows


def _groups(files: Sequence[Path]) -> dict[pa.Schema, list[Path]]:
    """The files by their columns and types: names may differ only by case, so that DuckDB cannot be left to match them."""
    groups: dict[str, tuple[pa.Schema, list[Path]]] = {}
    for file in files:
        fields = pq.read_schema(file).remove_metadata()
        groups.setdefault(fields.to_string(), (fields, []))[1].append(file.resolve())
    return dict(groups.values())


def _united(groups: dict[pa.Schema, list[Path]]) -> pa.Schema:
    return pa.unify_schemas(list(groups), promote_options="permissive")


def _renamed(
    rows: duckdb.DuckDBPyRelation, own: list[str], wanted: list[str], stored: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    """The columns in the wanted order: DuckDB renames those that differ only by case, so that they are found by position."""
    places = {name: place for place, name in enumerate(own)}
    items = []
    for name, as_stored in zip(wanted, stored, strict=True):
        value = build.quoted(rows.columns[places[name]]) if name in places else build.null()
        items.append(f"{printed(value)} AS {printed(build.quoted(as_stored))}")
    return rows.project(", ".join(items))
