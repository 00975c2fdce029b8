"""Parquet files as the rows of a table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from nephoscope_kql.catalog import TableSchema
from nephoscope_kql.dialects.duckdb import format_node
from nephoscope_kql.engines.arrow_types import read_fields_schema
from nephoscope_kql.sql import nodes


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column of a table in files: what the engine calls it, what the files call it, and its SQL type."""

    name: str
    stored: str
    type: str


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` on (None = from the beginning) until before `end`, of a column of timestamps as the files call it."""

    stored: str
    start: dt.datetime | None
    end: dt.datetime

    def write_condition(self) -> exp.Expr:
        """The condition in SQL."""
        column = nodes.build_stored_column(self.stored)
        before = exp.LT(this=column, expression=_build_moment(self.end))
        if self.start is None:
            return before
        return exp.And(this=exp.GTE(this=column, expression=_build_moment(self.start)), expression=before)


@dataclass(frozen=True, slots=True)
class FileScan:
    """The rows of a table in Parquet files whose columns are known: `groups` are files with equal columns.

    `only`: of the rows those alone are seen whose text column has one of the values ('' = none), `between`: those whose times lie in
    the ranges; nothing that reads the table sees another. `any_of`: pairs as `only`, several at once; all of one of these must hold.
    `day` is the column that the folders of the files give (`day=2026-11-20/`), '' = none. `without`: pairs as `only`, of rows of the
    files that are not seen. `beside` are rows that are in no file: the same columns by their stored names, every one of them seen.
    `also` are scans of the same columns whose rows are seen, too, each by its own restrictions.
    """

    columns: tuple[FileColumn, ...]
    groups: tuple[tuple[Path, ...], ...] = ()
    only: tuple[str, Collection[str]] | None = None
    between: tuple[TimeRange, ...] = ()
    day: str = ""
    any_of: tuple[tuple[tuple[str, Collection[str]], ...], ...] | None = None
    without: tuple[tuple[str, Collection[str]], ...] = ()
    beside: pa.Table | None = None
    also: tuple[FileScan, ...] = ()

    def narrow(self, names: Collection[str]) -> FileScan:
        """Return the same rows with those columns alone that have these names in the engine, and the day."""
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.name in names),
            also=tuple(one.narrow(names) for one in self.also),
        )

    def parts(self) -> tuple[FileScan, ...]:
        """Return the scans that it is made of, each with restrictions of its own."""
        return (replace(self, also=()), *self.also) if self.also else (self,)

    def has_no_rows(self) -> bool:
        """Return whether it surely has no row: neither files nor rows beside them."""
        return not any(one.groups or (one.beside is not None and one.beside.num_rows) for one in self.parts())

    def paths(self) -> list[Path]:
        """All its files."""
        return [path for one in self.parts() for group in one.groups for path in group]

    def open_relation(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        """The rows under the engine's names; a column that a group of files lacks is null."""
        rows: duckdb.DuckDBPyRelation | None = None
        for group in self.groups:
            found = connection.read_parquet([str(path) for path in group], hive_partitioning=bool(self.day))
            part = self._restrict_rows(found)
            rows = part if rows is None else rows.union(part)
        if self.beside is not None:
            part = self._build_place(connection.from_arrow(self.beside))
            rows = part if rows is None else rows.union(part)
        for one in self.also:
            part = one.open_relation(connection)
            rows = part if rows is None else rows.union(part)
        return self._select_no_rows(connection) if rows is None else rows

    def _restrict_rows(self, found: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        tests = list(
            self._list_tests(set(found.columns))
        )  # one filter, since DuckDB binds all columns for each
        return self._build_place(found.filter(" AND ".join(f"({one})" for one in tests)) if tests else found)

    def _list_tests(self, known: Collection[str]) -> Iterator[str]:
        """Yield what a row must fulfil to be seen, of files that have the columns `known`."""
        if self.only is not None:
            label, values = self.only
            if label not in known or not values:
                yield "true" if "" in values else "false"
            else:
                yield format_node(_test_membership(label, values))
        if self.any_of is not None:
            ways = [way for way in self.any_of if all(label in known and values for label, values in way)]
            tests = [exp.and_(*(_test_membership(label, values) for label, values in way)) for way in ways]
            yield format_node(exp.or_(*tests)) if tests else "false"
        for label, values in self.without:
            if label in known and values:
                yield format_node(exp.Not(this=_test_membership(label, values)))
        for times in self.between:
            yield format_node(times.write_condition()) if times.stored in known else "false"

    def _build_place(self, found: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
        """The columns under the engine's names; one that is lacking is null."""
        known = set(found.columns)
        items = [_format_column(column, column.stored in known) for column in self.columns]
        day = [format_node(nodes.build_stored_column(self.day))] if self.day else []
        return found.project(", ".join([*items, *day]) or "NULL AS none")

    def _select_no_rows(self, connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
        columns = [*self.columns, *([FileColumn(self.day, self.day, "DATE")] if self.day else [])]
        items = ", ".join(_format_column(column, False) for column in columns) or "NULL AS none"
        return connection.sql(f"SELECT {items} WHERE false")


@lru_cache(maxsize=65_536)
def _format_column(column: FileColumn, known: bool) -> str:
    """A column as it is selected; written once, since every query of a table asks for all of them."""
    return _format_alias_column(
        nodes.build_stored_column(column.stored)
        if known
        else nodes.build_cast(nodes.build_null(), column.type),
        column,
    )


def _test_membership(label: str, values: Collection[str]) -> exp.Expr:
    """Whether a text column has one of the values; a text that was never written is ''."""
    column = nodes.build_stored_column(label)
    found = exp.In(this=column, expressions=[nodes.build_text(one) for one in sorted(values)])
    return exp.or_(found, exp.Is(this=column, expression=nodes.build_null())) if "" in values else found


def _build_moment(value: dt.datetime) -> exp.Expr:
    return nodes.build_cast(nodes.build_text(value.astimezone(dt.UTC).isoformat()), "TIMESTAMPTZ")


def _format_alias_column(value: exp.Expr, column: FileColumn) -> str:
    return f"{format_node(value)} AS {format_node(nodes.build_stored_column(column.name))}"


def read_files_schema(name: str, files: Sequence[Path]) -> TableSchema:
    """The KQL schema of a table in Parquet files: the columns of all of them, those of the first file first."""
    return read_fields_schema(name, _unify_schemas(_group_by_schema(files)))


def read_files_as_rows(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]
) -> duckdb.DuckDBPyRelation:
    """The rows of the files under the stored names of their schema; a column that a file lacks is null."""
    groups = _group_by_schema(files)
    united = _unify_schemas(groups)
    stored = read_fields_schema(name, united).list_stored_names()
    rows: duckdb.DuckDBPyRelation | None = None
    for own, several in groups.items():
        part = _rename_columns(
            connection.read_parquet([str(path) for path in several]), own.names, united.names, stored
        )
        rows = part if rows is None else rows.union(part)
    if rows is None:
        raise ValueError(f"table {name} has no file")
    return rows


def _group_by_schema(files: Sequence[Path]) -> dict[pa.Schema, list[Path]]:
    """The files by their columns and types: names may differ only by case, so that DuckDB cannot be left to match them."""
    groups: dict[str, tuple[pa.Schema, list[Path]]] = {}
    for file in files:
        fields = pq.read_schema(file).remove_metadata()
        groups.setdefault(fields.to_string(), (fields, []))[1].append(file.resolve())
    return dict(groups.values())


def _unify_schemas(groups: dict[pa.Schema, list[Path]]) -> pa.Schema:
    return pa.unify_schemas(list(groups), promote_options="permissive")


def _rename_columns(
    rows: duckdb.DuckDBPyRelation, own: list[str], wanted: list[str], stored: Sequence[str]
) -> duckdb.DuckDBPyRelation:
    """The columns in the wanted order: DuckDB renames those that differ only by case, so that they are found by position."""
    places = {name: place for place, name in enumerate(own)}
    items = []
    for name, as_stored in zip(wanted, stored, strict=True):
        value = (
            nodes.build_stored_column(rows.columns[places[name]]) if name in places else nodes.build_null()
        )
        items.append(f"{format_node(value)} AS {format_node(nodes.build_stored_column(as_stored))}")
    return rows.project(", ".join(items))
