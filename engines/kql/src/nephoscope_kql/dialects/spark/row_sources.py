"""Row sources in Spark's SQL: stored tables, inline rows and ranges."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.row_sources import TEXT_DYNAMIC, write_scanned_table
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.relations import MAX_RANGE, Numbered, Numbers, Rows, TableScan
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

E = exp.Expr
BLOCK = 65_536


def write_scan(relation: TableScan, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """A stored table: its columns as KQL's types are stored inside SQL."""
    return write_scanned_table(relation, needed, emitter, _read_stored_value)


def _read_stored_value(raw: E, kind: KqlType, how: str, emitter: Emitter) -> E:
    """A stored value as KQL's type: timestamps have microseconds, nanoseconds and intervals are held as whole numbers."""
    if kind == KqlType.STRING:
        return nodes.build_coalesce(raw, nodes.build_text(""))
    if how.startswith("timestamp"):
        ticks = (
            nodes.build_binary("//", raw, nodes.build_number(100))
            if how == "timestamp_ns"
            else nodes.build_binary("*", nodes.build_call("unix_micros", raw), nodes.build_number(10))
        )
        return (
            ticks
            if kind == KqlType.TIMESPAN
            else nodes.build_binary("+", ticks, nodes.build_number(UNIX_EPOCH_TICKS))
        )
    if how == "interval":
        return nodes.build_binary("*", raw, nodes.build_number(10))
    if how in ("nested", "text"):
        return _build_dynamic(raw, how, emitter)
    return raw


def _build_dynamic(raw: E, how: str, emitter: Emitter) -> E:
    node = nodes.build_name("a0")
    if how == "nested":
        return vectorised_functions.call_vectorised_function(
            nodes.build_call("to_json", node), [raw], "VARCHAR", (), emitter.use_routine
        )
    node = nodes.build_call(TEXT_DYNAMIC.name, node)
    return vectorised_functions.call_vectorised_function(
        node, [raw], "VARCHAR", (TEXT_DYNAMIC,), emitter.use_routine
    )


def write_rows(relation: Rows, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """VALUES of constants, else one SELECT a row; a SELECT without FROM for no row or one."""
    columns = [(place, column) for place, column in enumerate(relation.columns) if column.id in needed]
    if not relation.rows:
        empty = SelectBlock(None, {column.id: Value(nodes.build_null(column.type)) for _, column in columns})
        empty.values[relation.ordinal.id] = Value(nodes.build_null(KqlType.LONG))
        empty.where.append(nodes.build_boolean(False))
        return empty
    if len(relation.rows) == 1:
        row = relation.rows[0]
        block = SelectBlock(
            None, {column.id: Value(emitter.write_constant(row[place]), 4) for place, column in columns}
        )
        block.values[relation.ordinal.id] = Value(nodes.build_number(1))
        return block
    names = [relation.ordinal.id, *(column.id for _, column in columns)]
    cells = [[row[place] for place, _ in columns] for row in relation.rows]
    if all(isinstance(cell, Constant) for row in cells for cell in row):
        return _build_values(cells, names, emitter)
    return _selects(cells, names, emitter)


def _build_row(number: int, cells: list[Bound], emitter: SparkEmitter) -> list[E]:
    return [nodes.build_number(number), *(emitter.write_constant(cell) for cell in cells)]


def _build_values(cells: list[list[Bound]], names: list[str], emitter: SparkEmitter) -> SelectBlock:
    tuples = [exp.Tuple(expressions=_build_row(number, row, emitter)) for number, row in enumerate(cells, 1)]
    columns = [exp.Identifier(this=name) for name in names]
    alias = exp.TableAlias(this=exp.Identifier(this=emitter.choose_fresh_name()), columns=columns)
    return SelectBlock(
        exp.Values(expressions=tuples, alias=alias), {name: Value(nodes.build_name(name)) for name in names}
    )


def _selects(cells: list[list[Bound]], names: list[str], emitter: SparkEmitter) -> SelectBlock:
    node: E | None = None
    for number, row in enumerate(cells, 1):
        items = zip(names, _build_row(number, row, emitter), strict=True)
        select: E = SelectBlock(None).build_select(items)
        node = select if node is None else exp.Union(this=node, expression=select, distinct=False)
    return SelectBlock(exp.Subquery(this=node), {name: Value(nodes.build_name(name)) for name in names})


def write_numbers(relation: Numbers, _needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """`low + n * step` for every n that stays at or below `high` (at or above, where the step is negative)."""
    column = relation.columns[0]
    given = zip("abs", (relation.low, relation.high, relation.step), strict=True)
    parts = make_block_over(
        SelectBlock(None).build_select([(name, emitter.write_constant(part)) for name, part in given]),
        ["a", "b", "s"],
    )
    first, last, each = (parts.values[name].sql for name in ("a", "b", "s"))
    times = _count_times(first, last, each, real=column.type == KqlType.REAL)
    upper = nodes.build_cast(nodes.limit_size(times, MAX_RANGE, "values in a range", "raise_error"), "BIGINT")
    known = nodes.build_case((nodes.is_not_null(times), upper))
    counted = make_block_over(parts.build_select([("a", first), ("s", each), ("n", known)]), ["a", "s", "n"])
    places = _build_places(counted)
    value = nodes.build_binary(
        "+", nodes.build_name("a"), nodes.build_binary("*", nodes.build_name("n"), nodes.build_name("s"))
    )
    places.values[column.id] = Value(nodes.build_cast(value, column.type.physical), 4)
    return places


def _build_bigint_literal(number: int) -> E:
    return nodes.build_cast(nodes.build_number(number), "BIGINT")


def _build_places(counted: SelectBlock) -> SelectBlock:
    """A row for each place from 0 to `n`, by blocks: no array is longer than a block."""
    n, block = nodes.build_name("n"), nodes.build_name("b")
    blocks = nodes.build_call(
        "sequence", _build_bigint_literal(0), nodes.build_binary("//", n, _build_bigint_literal(BLOCK))
    )
    several = nodes.build_case((nodes.build_binary(">=", n, nodes.build_number(0)), blocks))
    items = [("a", nodes.build_name("a")), ("s", nodes.build_name("s"))]
    outer = make_block_over(
        counted.build_select([*items, ("n", n), ("b", nodes.build_call("explode", several))]), "asnb"
    )
    begin = nodes.build_binary("*", block, _build_bigint_literal(BLOCK))
    last = nodes.build_call("least", n, nodes.build_binary("+", begin, _build_bigint_literal(BLOCK - 1)))
    return make_block_over(
        outer.build_select(
            [*items, ("n", nodes.build_call("explode", nodes.build_call("sequence", begin, last)))]
        ),
        "asn",
    )


def _count_times(first: E, last: E, each: E, *, real: bool) -> E:
    """Count how many steps there are; null where the step is 0 or leads away."""
    if real:
        span = nodes.build_binary("-", last, first)
        times = nodes.build_call(
            "floor", nodes.build_binary("+", nodes.build_binary("/", span, each), nodes.build_number(1e-9))
        )
    else:
        wide = [nodes.build_cast(node, "DECIMAL(38,0)") for node in (last, first, each)]
        span = nodes.build_binary("-", wide[0], wide[1])
        times = nodes.build_binary("//", span, wide[2])
    agrees = nodes.build_binary(
        ">=",
        nodes.build_binary("*", nodes.build_call("signum", span), nodes.build_call("signum", each)),
        nodes.build_number(0),
    )
    moves = nodes.build_binary("<>", each, nodes.build_number(0))
    return nodes.build_case((nodes.build_binary("and", moves, agrees), times))


def write_numbered_rows(relation: Numbered, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """row_number(), which needs an order in Spark."""
    block = emitter.write_block_over(
        relation.input, needed - {relation.number.id}, relation.partition, before_where=True
    )
    keys = emitter.write_keys(relation.input.order, block) or [nodes.sort_key(nodes.build_number(1))]
    partition = [emitter.write_scalar(value, block) for value in relation.partition]
    number = nodes.build_cast(nodes.build_window(nodes.build_call("row_number"), partition, keys), "BIGINT")
    block.values[relation.number.id] = Value(number, 4, window=True)
    return block
