"""make-series in Spark's SQL: the same steps as in dialects/series.py; the arrays are written by vectorised functions."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.block import SelectBlock, over
from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.series import array_of, json_of
from nephoscope_kql.dialects.spark import vectorised
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.dialects.spark.grouping import aggregate
from nephoscope_kql.errors import unsupported_error
from nephoscope_kql.plan.relations import MAX_BINS, BoundSeriesItem, Series
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import build
from nephoscope_kql.types import KqlType

E = exp.Expr


def write_series(relation: Series, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """Rows with their axis, bounds, values a group and bin, then one array a group."""
    if relation.nonempty:
        raise unsupported_error("make-series kind=nonempty on Spark", relation.axis.span)
    rows = _rows(relation, emitter)
    bounds = _bounds(relation, rows, emitter)
    binned = _write_bins(relation, rows, bounds, emitter)
    groups = [column.id for column, _ in relation.groups]
    items: list[tuple[str, E]] = [(one, build.name(one)) for one in groups]
    wanted = [item for item in relation.items if item.column.id in needed]
    items += [(item.column.id, _values(item, emitter)) for item in wanted]
    items.append((relation.axis_column.id, _axis(relation, emitter)))
    select = binned.select(items)
    if groups:
        select.set("group", exp.Group(expressions=[build.name(one) for one in groups]))
    else:
        select.set("having", exp.Having(this=build.binary(">", exp.Count(this=exp.Star()), build.number(0))))
    return over(select, [name for name, _ in items])


def _first(name: str) -> E:
    return build.call("first", build.name(name))


def _values(item: BoundSeriesItem, emitter: SparkEmitter) -> E:
    """The values of a series, the default where a bin has none."""
    missing = _json(emitter.value(item.default), item.call.type, emitter)
    a0, a1, a2, a3 = (build.name(f"a{at}") for at in range(4))
    known = build.call("map", a0, a1)
    node = array_of(
        build.call("range", a2),
        lambda place: build.coalesce(build.call("map_extract_value", known, place), a3),
    )
    lists = [build.call("collect_list", build.name(one)) for one in ("i", item.column.id)]
    return vectorised.call_vectorised(node, [*lists, _first("n"), missing], "VARCHAR", (), emitter.use)


def _axis(relation: Series, emitter: SparkEmitter) -> E:
    inside = Emitter("duckdb")
    low, step, count = (build.name(f"a{at}") for at in range(3))
    node = array_of(
        build.call("range", count),
        lambda place: json_of(
            build.binary("+", low, build.binary("*", place, step)), relation.axis.type, inside
        ),
    )
    arguments = [_first(name) for name in "lsn"]
    return vectorised.call_vectorised(
        node, arguments, "VARCHAR", tuple(inside.routines.values()), emitter.use
    )


def _json(node: E, kind: KqlType, emitter: SparkEmitter) -> E:
    """A value as the JSON text of an element."""
    inside = Emitter("duckdb")
    text = json_of(build.name("a0"), kind, inside)
    return vectorised.call_vectorised(text, [node], "VARCHAR", tuple(inside.routines.values()), emitter.use)


def _rows(relation: Series, emitter: SparkEmitter) -> str:
    """A common table expression of the rows: groups, axis, and what the aggregates read."""
    calls = [argument for item in relation.items for argument in item.call.arguments]
    values: list[Bound] = [relation.axis, *(value for _, value in relation.groups), *calls]
    block = emitter.over(relation.input, frozenset(), values, before_where=True)
    items = [(column.id, emitter.scalar(value, block)) for column, value in relation.groups]
    items.append(("x", emitter.scalar(relation.axis, block)))
    for item in relation.items:
        items += [
            (_argument(item, place), emitter.scalar(argument, block))
            for place, argument in enumerate(item.call.arguments)
        ]
    inner = over(block.select(items), [name for name, _ in items])
    inner.where.append(build.is_not_null(build.name("x")))
    return emitter.share(inner.select(inner.columns(inner.values)))


def _argument(item: BoundSeriesItem, place: int) -> str:
    return f"{item.column.id}_{place}"


def _table(name: str) -> E:
    return exp.Table(this=exp.Identifier(this=name))


def _extreme(name: str, rows: str) -> E:
    select = exp.Select(expressions=[build.call(name, build.name("x"))], from_=exp.From(this=_table(rows)))
    return exp.Subquery(this=select)


def _bounds(relation: Series, rows: str, emitter: SparkEmitter) -> str:
    """A common table expression of one row: the first bin `l`, the step `s`, the number of bins `n`."""
    low = _extreme("min", rows) if relation.low is None else emitter.value(relation.low)
    high = _extreme("max", rows) if relation.high is None else emitter.value(relation.high)
    given = over(
        SelectBlock(None).select([("a", low), ("h", high), ("s", emitter.value(relation.step))]), "ahs"
    )
    first: E = build.name("a")
    step, end = build.name("s"), build.name("h")
    if relation.low is None:
        first = build.binary("*", _quotient(first, step, relation), step)
    lower = over(given.select([("l", first), ("h", end), ("s", step)]), "lhs")
    span = build.binary("-", end, build.name("l"))
    counted = _quotient(span, step, relation)
    if relation.inclusive:
        counted = build.binary("+", counted, build.number(1))
    elif relation.axis.type == KqlType.REAL:
        counted = build.call("ceil", build.binary("/", span, step))
    else:
        counted = _quotient(build.binary("-", build.binary("+", span, step), build.number(1)), step, relation)
    bins = build.call("greatest", build.cast(counted, "BIGINT"), build.cast(build.number(0), "BIGINT"))
    limited = build.at_most(bins, MAX_BINS, "bins in a series", "raise_error")
    lower.where.append(build.binary(">", step, build.number(0)))
    return emitter.share(lower.select([("l", build.name("l")), ("s", step), ("n", limited)]))


def _quotient(node: E, step: E, relation: Series) -> E:
    if relation.axis.type == KqlType.REAL:
        return build.call("floor", build.binary("/", node, step))
    return build.binary("//", node, step)


def _write_bins(relation: Series, rows: str, bounds: str, emitter: SparkEmitter) -> SelectBlock:
    """The aggregates a group and bin, as JSON text, with the bounds."""
    offset = _quotient(build.binary("-", build.name("x"), build.name("l")), build.name("s"), relation)
    place = build.cast(offset, "BIGINT")
    ids = [column.id for column, _ in relation.groups]
    given = [_argument(item, at) for item in relation.items for at in range(len(item.call.arguments))]
    joined = SelectBlock(_table(rows), joins=[exp.Join(this=_table(bounds), kind="CROSS")])
    joined.where.append(build.binary(">=", build.name("x"), build.name("l")))
    joined.where.append(build.binary("<", place, build.name("n")))
    keys = [*ids, "i", "l", "s", "n"]
    columns = [(one, place if one == "i" else build.name(one)) for one in [*keys, *given]]
    block = over(joined.select(columns), [name for name, _ in columns])
    items: list[tuple[str, E]] = [(one, build.name(one)) for one in keys]
    for item in relation.items:
        arguments = [build.name(_argument(item, at)) for at in range(len(item.call.arguments))]
        value = aggregate(item.call, arguments, [], emitter)
        items.append((item.column.id, _json(value, item.call.type, emitter)))
    select = block.select(items)
    select.set("group", exp.Group(expressions=[build.name(one) for one in keys]))
    return over(select, [name for name, _ in items])
