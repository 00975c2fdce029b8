"""Where rows begin, in Spark's SQL: stored tables, given rows, ranges."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.block import SelectBlock, Value, over
from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.sources import TEXT_DYNAMIC, scanned_table
from nephoscope_kql.dialects.spark import vectorised
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.plan.relations import MAX_RANGE, Numbered, Numbers, Rows, TableScan
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import build
from nephoscope_kql.types import UNIX_EPOCH_TICKS, KqlType

E = exp.Expr
BLOCK = 65_536


def write_scan(relation: TableScan, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """A stored table: its columns as KQL's types are stored inside SQL."""
    return scanned_table(relation, needed, emitter, _read_stored_value)


def _read_stored_value(raw: E, kind: KqlType, how: str, emitter: Emitter) -> E:
    """A stored value as KQL's type: timestamps have microseconds, nanoseconds and intervals are held as whole numbers."""
    if kind == KqlType.STRING:
        return build.coalesce(raw, build.text(""))
    if how.startswith("timestamp"):
        ticks = (
            build.binary("//", raw, build.number(100))
            if how == "timestamp_ns"
            else build.binary("*", build.call("unix_micros", raw), build.number(10))
        )
        return ticks if kind == KqlType.TIMESPAN else build.binary("+", ticks, build.number(UNIX_EPOCH_TICKS))
    if how == "interval":
        return build.binary("*", raw, build.number(10))
    if how in ("nested", "text"):
        return _dynamic(raw, how, emitter)
    return raw


def _dynamic(raw: E, how: str, emitter: Emitter) -> E:
    node = build.name("a0")
    if how == "nested":
        return vectorised.call_vectorised(build.call("to_json", node), [raw], "VARCHAR", (), emitter.use)
    node = build.call(TEXT_DYNAMIC.name, node)
    return vectorised.call_vectorised(node, [raw], "VARCHAR", (TEXT_DYNAMIC,), emitter.use)


def write_rows(relation: Rows, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """VALUES of constants, else one SELECT a row; a SELECT without FROM for no row or one."""
    columns = [(place, column) for place, column in enumerate(relation.columns) if column.id in needed]
    if not relation.rows:
        empty = SelectBlock(None, {column.id: Value(build.null(column.type)) for _, column in columns})
        empty.values[relation.ordinal.id] = Value(build.null(KqlType.LONG))
        empty.where.append(build.boolean(False))
        return empty
    if len(relation.rows) == 1:
        row = relation.rows[0]
        block = SelectBlock(
            None, {column.id: Value(emitter.value(row[place]), 4) for place, column in columns}
        )
        block.values[relation.ordinal.id] = Value(build.number(1))
        return block
    names = [relation.ordinal.id, *(column.id for _, column in columns)]
    cells = [[row[place] for place, _ in columns] for row in relation.rows]
    if all(isinstance(cell, Constant) for row in cells for cell in row):
        return _values(cells, names, emitter)
    return _selects(cells, names, emitter)


def _row(number: int, cells: list[Bound], emitter: SparkEmitter) -> list[E]:
    return [build.number(number), *(emitter.value(cell) for cell in cells)]


def _values(cells: list[list[Bound]], names: list[str], emitter: SparkEmitter) -> SelectBlock:
    tuples = [exp.Tuple(expressions=_row(number, row, emitter)) for number, row in enumerate(cells, 1)]
    columns = [exp.Identifier(this=name) for name in names]
    alias = exp.TableAlias(this=exp.Identifier(this=emitter.fresh()), columns=columns)
    return SelectBlock(
        exp.Values(expressions=tuples, alias=alias), {name: Value(build.name(name)) for name in names}
    )


def _selects(cells: list[list[Bound]], names: list[str], emitter: SparkEmitter) -> SelectBlock:
    node: E | None = None
    for number, row in enumerate(cells, 1):
        items = zip(names, _row(number, row, emitter), strict=True)
        select: E = SelectBlock(None).select(items)
        node = select if node is None else exp.Union(this=node, expression=select, distinct=False)
    return SelectBlock(exp.Subquery(this=node), {name: Value(build.name(name)) for name in names})


def write_numbers(relation: Numbers, _needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """`low + n * step` for every n that stays at or below `high` (at or above, where the step is negative)."""
    column = relation.columns[0]
    given = zip("abs", (relation.low, relation.high, relation.step), strict=True)
    parts = over(
        SelectBlock(None).select([(name, emitter.value(part)) for name, part in given]), ["a", "b", "s"]
    )
    first, last, each = (parts.values[name].sql for name in ("a", "b", "s"))
    times = _times(first, last, each, real=column.type == KqlType.REAL)
    upper = build.cast(build.at_most(times, MAX_RANGE, "values in a range", "raise_error"), "BIGINT")
    known = build.case((build.is_not_null(times), upper))
    counted = over(parts.select([("a", first), ("s", each), ("n", known)]), ["a", "s", "n"])
    places = _places(counted)
    value = build.binary("+", build.name("a"), build.binary("*", build.name("n"), build.name("s")))
    places.values[column.id] = Value(build.cast(value, column.type.physical), 4)
    return places


def _long(number: int) -> E:
    return build.cast(build.number(number), "BIGINT")


def _places(counted: SelectBlock) -> SelectBlock:
    """A row for each place from 0 to `n`, by blocks: no array is longer than a block."""
    n, block = build.name("n"), build.name("b")
    blocks = build.call("sequence", _long(0), build.binary("//", n, _long(BLOCK)))
    several = build.case((build.binary(">=", n, build.number(0)), blocks))
    items = [("a", build.name("a")), ("s", build.name("s"))]
    outer = over(counted.select([*items, ("n", n), ("b", build.call("explode", several))]), "asnb")
    begin = build.binary("*", block, _long(BLOCK))
    last = build.call("least", n, build.binary("+", begin, _long(BLOCK - 1)))
    return over(
        outer.select([*items, ("n", build.call("explode", build.call("sequence", begin, last)))]), "asn"
    )


def _times(first: E, last: E, each: E, *, real: bool) -> E:
    """Count how many steps there are; null where the step is 0 or leads away."""
    if real:
        span = build.binary("-", last, first)
        times = build.call("floor", build.binary("+", build.binary("/", span, each), build.number(1e-9)))
    else:
        wide = [build.cast(node, "DECIMAL(38,0)") for node in (last, first, each)]
        span = build.binary("-", wide[0], wide[1])
        times = build.binary("//", span, wide[2])
    agrees = build.binary(
        ">=", build.binary("*", build.call("signum", span), build.call("signum", each)), build.number(0)
    )
    moves = build.binary("<>", each, build.number(0))
    return build.case((build.binary("and", moves, agrees), times))


def write_numbered(relation: Numbered, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """row_number(), which needs an order in Spark."""
    block = emitter.over(relation.input, needed - {relation.number.id}, relation.partition, before_where=True)
    keys = emitter.keys(relation.input.order, block) or [build.sort_key(build.number(1))]
    partition = [emitter.scalar(value, block) for value in relation.partition]
    number = build.cast(build.window(build.call("row_number"), partition, keys), "BIGINT")
    block.values[relation.number.id] = Value(number, 4, window=True)
    return block
