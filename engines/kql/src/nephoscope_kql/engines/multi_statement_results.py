"""Multi-statement results: run one statement per table, the next only while more rows are needed."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pyarrow as pa

from nephoscope_kql.compile import CompiledQuery
from nephoscope_kql.dialects.partitioned_statements import ShareStatement, ShareStatements
from nephoscope_kql.engines.result_limit import STEP

_PART, _PLACE = "part", "place"
"""The columns beside the keys that say where a row is."""


def read_parts(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery, parts: ShareStatements, schema: pa.Schema
) -> pa.RecordBatchReader:
    """The rows of all parts, with the columns of the schema."""
    found = _read_ordered_batches if parts.keys else _read_sequentially
    return pa.RecordBatchReader.from_batches(schema, found(connection, compiled, parts, schema))


def _read_sequentially(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery, parts: ShareStatements, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    left = parts.most
    for part in parts.several:
        if left == 0:
            return
        for batch in _fetch_rows(connection, compiled, part).to_arrow_reader(STEP):
            some = batch if left is None else batch.slice(0, left)
            left = None if left is None else left - some.num_rows
            yield _widen_batch(some, part, schema)


def _read_ordered_batches(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery, parts: ShareStatements, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    tables = [_fetch_rows(connection, compiled, part).to_arrow_table() for part in parts.several]
    first = _run_first_statement(
        connection, parts, [_select_keys(table, parts, number) for number, table in enumerate(tables)]
    )
    for start in range(0, len(first), STEP):
        yield from _order_rows(first[start : start + STEP], tables, parts, schema)


def _order_rows(
    some: list[tuple[int, int]], tables: list[pa.Table], parts: ShareStatements, schema: pa.Schema
) -> list[pa.RecordBatch]:
    """Rows of several parts, in the order in which it is said where they are."""
    chosen = [
        _widen_batch(batch, part, schema)
        for number, (table, part) in enumerate(zip(tables, parts.several, strict=True))
        for batch in _take_rows(table, [place for own, place in some if own == number])
    ]
    # the rows are part by part now, in their order within each
    lies = sorted(range(len(some)), key=lambda rank: (some[rank][0], rank))
    rank = pa.array(sorted(range(len(lies)), key=lies.__getitem__), pa.int64())
    batches: list[pa.RecordBatch] = pa.Table.from_batches(chosen, schema).take(rank).to_batches()
    return batches


def _take_rows(table: pa.Table, places: list[int]) -> list[pa.RecordBatch]:
    batches: list[pa.RecordBatch] = table.take(pa.array(places, pa.int64())).to_batches()
    return batches


def _select_keys(table: pa.Table, parts: ShareStatements, number: int) -> pa.Table:
    """The keys of a part's rows, each with where it is."""
    own = table.select([name for name, _ in parts.keys])
    own = own.append_column(_PART, pa.repeat(number, len(table)))
    return own.append_column(_PLACE, pa.array(range(len(table)), pa.int64()))


def _run_first_statement(
    connection: duckdb.DuckDBPyConnection, parts: ShareStatements, keys: list[pa.Table]
) -> list[tuple[int, int]]:
    """Where the first rows of all are, in order: part and place in it."""
    order = ", ".join([*(key for _, key in parts.keys), _PART, _PLACE])
    rows = connection.from_arrow(pa.concat_tables(keys, promote_options="permissive")).order(order)
    first = rows if parts.most is None else rows.limit(parts.most)
    return [(int(part), int(place)) for part, place in first.project(f"{_PART}, {_PLACE}").fetchall()]


def _fetch_rows(
    connection: duckdb.DuckDBPyConnection, compiled: CompiledQuery, part: ShareStatement
) -> duckdb.DuckDBPyRelation:
    return connection.sql(part.sql, params={name: compiled.parameters[name] for name in part.parameters})


def _widen_batch(batch: pa.RecordBatch, part: ShareStatement, schema: pa.Schema) -> pa.RecordBatch:
    """The rows with all columns of the result."""
    arrays = [_make_null_column(field, batch.num_rows) for field in schema]
    for column, place in enumerate(part.places):
        wanted = schema.field(place).type
        array = batch.column(column)
        arrays[place] = array if array.type == wanted else array.cast(wanted)
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _make_null_column(field: pa.Field, rows: int) -> pa.Array:
    return pa.nulls(rows, field.type) if field.nullable else pa.repeat(pa.scalar("", field.type), rows)
