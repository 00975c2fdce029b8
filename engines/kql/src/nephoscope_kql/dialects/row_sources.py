"""Row sources in SQL: stored tables, inline rows and ranges."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.scalars import write_scalar_expression
from nephoscope_kql.dialects.select_block import (
    SelectBlock,
    StoredColumn,
    Value,
    make_block_over,
    make_table_block,
)
from nephoscope_kql.plan.column_references import count_parts, list_order_ids
from nephoscope_kql.plan.relations import (
    MAX_RANGE,
    External,
    Materialized,
    Numbered,
    Numbers,
    Rows,
    TableScan,
)
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Macro
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

_KEPT = frozenset({KqlType.DATETIME, KqlType.STRING})
"""The types whose stored form conditions may be written over."""
TEXT_DYNAMIC = Macro(
    "kql_scanned",
    "CREATE OR REPLACE TEMP MACRO kql_scanned(x) AS CASE WHEN x IS NULL OR trim(x) IN ('', 'null') THEN NULL "
    "WHEN json_valid(x) THEN CAST(json(x) AS VARCHAR) ELSE CAST(to_json(x) AS VARCHAR) END",
)


@writes(TableScan)
def write_scan(relation: TableScan, needed: Needed, emitter: Emitter) -> SelectBlock:
    """A stored table: its columns as KQL's types are stored inside SQL."""
    return write_scanned_table(relation, needed, emitter, _read_stored_value)


def write_scanned_table(
    relation: TableScan,
    needed: Needed,
    emitter: Emitter,
    scanned: Callable[[exp.Expr, KqlType, str, Emitter], exp.Expr],
) -> SelectBlock:
    """A stored table; `scanned` gives a stored column as KQL's type is stored inside SQL."""
    alias = emitter.choose_fresh_name()
    name = relation.table.relation or relation.table.name
    read = emitter.reads.setdefault(name, set())
    table = exp.Table(
        this=exp.Identifier(this=name, quoted=True),
        alias=exp.TableAlias(this=exp.Identifier(this=alias)),
    )
    block = SelectBlock(table)
    storage = relation.table.storage or ("",) * len(relation.columns)
    for column, stored, how in zip(
        relation.columns, relation.table.list_stored_names(), storage, strict=True
    ):
        if column.id in needed:
            read.add(stored)
            raw = exp.Column(this=exp.Identifier(this=stored, quoted=True), table=exp.Identifier(this=alias))
            own = (
                StoredColumn(raw, how, _build_day(relation, column.name, alias))
                if column.type in _KEPT
                else None
            )
            written = scanned(raw, column.type, how, emitter)
            block.values[column.id] = Value(written, 1 if not how else 4, stored=own)
    if relation.ingested is not None and relation.ingested.id in needed:
        names = [name for name, _ in relation.table.columns]
        place = names.index(relation.table.ingested)
        stored = relation.table.list_stored_names()[place]
        read.add(stored)
        raw = exp.Column(this=exp.Identifier(this=stored, quoted=True), table=exp.Identifier(this=alias))
        moment = scanned(raw, relation.ingested.type, storage[place], emitter)
        block.values[relation.ingested.id] = Value(moment, 4)
    return block


def _build_day(relation: TableScan, column: str, alias: str) -> exp.Expr | None:
    """The hidden column with the day of a column."""
    of, name = relation.table.day
    if not name or of != column:
        return None
    return exp.Column(this=exp.Identifier(this=name, quoted=True), table=exp.Identifier(this=alias))


def _read_stored_value(raw: exp.Expr, kind: KqlType, how: str, emitter: Emitter) -> exp.Expr:
    if kind == KqlType.STRING:
        return nodes.build_coalesce(raw, nodes.build_text(""))
    if how.startswith("timestamp"):
        ticks = (
            nodes.build_binary("//", nodes.build_call("epoch_ns", raw), nodes.build_number(100))
            if how == "timestamp_ns"
            else nodes.build_binary("*", nodes.build_call("epoch_us", raw), nodes.build_number(10))
        )
        return (
            ticks
            if kind == KqlType.TIMESPAN
            else nodes.build_binary("+", ticks, nodes.build_number(UNIX_EPOCH_TICKS))
        )
    if how == "interval":
        return nodes.build_binary("*", nodes.build_call("epoch_us", raw), nodes.build_number(10))
    if how == "nested":
        return nodes.build_cast(nodes.build_call("to_json", raw), "VARCHAR")
    if how == "text":
        return nodes.build_call(emitter.use_routine(TEXT_DYNAMIC), raw)
    return raw


@writes(External)
def write_external(relation: External, needed: Needed, emitter: Emitter) -> SelectBlock:
    """The table that the engine fills before the query runs."""
    source = relation.source
    emitter.external[source.name] = source
    names = {column.id: f"c{place}" for place, column in enumerate(relation.columns)}
    block = SelectBlock(exp.Table(this=exp.Identifier(this=source.name)))
    for column in relation.columns:
        if column.id in needed:
            raw = nodes.build_name(names[column.id])
            text = column.type == KqlType.STRING
            block.values[column.id] = Value(nodes.build_coalesce(raw, nodes.build_text("")) if text else raw)
    return block


@writes(Materialized)
def write_kept(relation: Materialized, needed: Needed, emitter: Emitter) -> SelectBlock:
    """The temporary table of rows that were computed before; its columns have their ids as names."""
    known = needed & {*(column.id for column in relation.columns), *list_order_ids(relation.order)}
    emitter.kept.setdefault(relation.name, set()).update(known)
    return make_table_block(
        exp.Table(this=exp.Identifier(this=relation.name)), {one: one for one in sorted(known)}
    )


@writes(Rows)
def write_rows(relation: Rows, needed: Needed, emitter: Emitter) -> SelectBlock:
    """One row is a SELECT without FROM; several are VALUES; none is one row that a WHERE drops."""
    columns = [(place, column) for place, column in enumerate(relation.columns) if column.id in needed]
    if not relation.rows:
        empty = SelectBlock(None, {column.id: Value(nodes.build_null(column.type)) for _, column in columns})
        empty.values[relation.ordinal.id] = Value(nodes.build_null(KqlType.LONG))
        empty.where.append(nodes.build_boolean(False))
        return empty
    if len(relation.rows) == 1:
        row = relation.rows[0]
        cells = {
            column.id: Value(
                write_scalar_expression(row[place], {}, emitter), max(4, count_parts(row[place]))
            )
            for place, column in columns
        }
        block = SelectBlock(None, cells)
        block.values[relation.ordinal.id] = Value(nodes.build_number(1))
        return block
    ordinal = relation.ordinal.id in needed or not columns
    tuples = [
        exp.Tuple(
            expressions=[
                *([nodes.build_number(number)] if ordinal else []),
                *(write_scalar_expression(row[place], {}, emitter) for place, _ in columns),
            ]
        )
        for number, row in enumerate(relation.rows, 1)
    ]
    names = [*([relation.ordinal.id] if ordinal else []), *(column.id for _, column in columns)]
    alias = exp.TableAlias(
        this=exp.Identifier(this=emitter.choose_fresh_name()),
        columns=[exp.Identifier(this=name) for name in names],
    )
    return SelectBlock(
        exp.Values(expressions=tuples, alias=alias), {name: Value(nodes.build_name(name)) for name in names}
    )


#: No lambda of a macro has a parameter of such a name: in its body it would hide the column, where a macro's argument reads it.
_RANGE = ("range_low", "range_high", "range_step")


@writes(Numbers)
def write_numbers(relation: Numbers, _needed: Needed, emitter: Emitter) -> SelectBlock:
    """`low + n * step` for every n that stays at or below `high` (at or above, where the step is negative)."""
    column = relation.columns[0]
    low, high, step = (
        write_scalar_expression(part, {}, emitter) for part in (relation.low, relation.high, relation.step)
    )
    parts = make_block_over(
        exp.Select(
            expressions=[_alias_node(one, name) for one, name in zip((low, high, step), _RANGE, strict=True)]
        ),
        [*_RANGE],
    )
    first, last, each = (parts.values[name].sql for name in _RANGE)
    span = nodes.build_binary("-", last, first)
    if column.type == KqlType.REAL:
        times = nodes.build_call(
            "floor", nodes.build_binary("+", nodes.build_binary("/", span, each), nodes.build_number(1e-9))
        )
    else:
        times = nodes.build_binary("//", nodes.build_cast(span, "HUGEINT"), each)
    upper = nodes.build_case(
        (nodes.build_binary("=", each, nodes.build_number(0)), nodes.build_number(-1)),
        (
            nodes.build_binary(
                "<",
                nodes.build_binary("*", nodes.build_call("sign", span), nodes.build_call("sign", each)),
                nodes.build_number(0),
            ),
            nodes.build_number(-1),
        ),
        otherwise=nodes.limit_size(times, MAX_RANGE, "values in a range"),
    )
    count = nodes.build_cast(nodes.build_coalesce(upper, nodes.build_number(-1)), "BIGINT")
    numbers = nodes.build_call(
        "unnest",
        nodes.build_call("generate_series", nodes.build_cast(nodes.build_number(0), "BIGINT"), count),
    )
    series = parts.build_select([("range_low", first), ("range_step", each), ("range_place", numbers)])
    steps = nodes.build_binary("*", nodes.build_name("range_place"), nodes.build_name("range_step"))
    value = nodes.build_binary("+", nodes.build_name("range_low"), steps)
    if column.type == KqlType.INT:
        value = nodes.build_cast(value, column.type.physical)
    return SelectBlock(exp.Subquery(this=series), {column.id: Value(value, 4)})


def _alias_node(node: exp.Expr, name: str) -> exp.Expr:
    return exp.Alias(this=node, alias=exp.Identifier(this=name))


@writes(Numbered)
def write_numbered(relation: Numbered, needed: Needed, emitter: Emitter) -> SelectBlock:
    """row_number()."""
    block = emitter.write_block_over(
        relation.input, needed - {relation.number.id}, relation.partition, before_where=True
    )
    number = nodes.build_window(
        nodes.build_call("row_number"),
        [emitter.write_scalar(value, block) for value in relation.partition],
        emitter.write_keys(relation.input.order, block),
    )
    block.values[relation.number.id] = Value(number, 4, window=True)
    return block
