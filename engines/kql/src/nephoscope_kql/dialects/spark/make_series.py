"""make-series in Spark's SQL: the same steps as in dialects/make_series.py; the arrays are written by vectorised functions."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.dialects.make_series import write_array, write_json_element
from nephoscope_kql.dialects.relational import Emitter, Needed
from nephoscope_kql.dialects.select_block import SelectBlock, make_block_over
from nephoscope_kql.dialects.spark import vectorised_functions
from nephoscope_kql.dialects.spark.aggregation import aggregate
from nephoscope_kql.dialects.spark.emitter import SparkEmitter
from nephoscope_kql.errors import make_unsupported_query_error
from nephoscope_kql.plan.relations import MAX_BINS, BoundSeriesItem, Series
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr


def write_series(relation: Series, needed: Needed, emitter: SparkEmitter) -> SelectBlock:
    """Rows with their axis, bounds, values a group and bin, then one array a group."""
    if relation.nonempty:
        raise make_unsupported_query_error("make-series kind=nonempty on Spark", relation.axis.span)
    rows = _define_rows(relation, emitter)
    bounds = _define_bounds(relation, rows, emitter)
    binned = _write_bins(relation, rows, bounds, emitter)
    groups = [column.id for column, _ in relation.groups]
    items: list[tuple[str, E]] = [(one, nodes.build_name(one)) for one in groups]
    wanted = [item for item in relation.items if item.column.id in needed]
    items += [(item.column.id, _emit_values(item, emitter)) for item in wanted]
    items.append((relation.axis_column.id, _build_axis(relation, emitter)))
    select = binned.build_select(items)
    if groups:
        select.set("group", exp.Group(expressions=[nodes.build_name(one) for one in groups]))
    else:
        select.set(
            "having",
            exp.Having(this=nodes.build_binary(">", exp.Count(this=exp.Star()), nodes.build_number(0))),
        )
    return make_block_over(select, [name for name, _ in items])


def _call_first_value(name: str) -> E:
    return nodes.build_call("first", nodes.build_name(name))


def _emit_values(item: BoundSeriesItem, emitter: SparkEmitter) -> E:
    """The values of a series, the default where a bin has none."""
    missing = _build_json(emitter.write_constant(item.default), item.call.type, emitter)
    a0, a1, a2, a3 = (nodes.build_name(f"a{at}") for at in range(4))
    known = nodes.build_call("map", a0, a1)
    node = write_array(
        nodes.build_call("range", a2),
        lambda place: nodes.build_coalesce(nodes.build_call("map_extract_value", known, place), a3),
    )
    lists = [nodes.build_call("collect_list", nodes.build_name(one)) for one in ("i", item.column.id)]
    return vectorised_functions.call_vectorised_function(
        node, [*lists, _call_first_value("n"), missing], "VARCHAR", (), emitter.use_routine
    )


def _build_axis(relation: Series, emitter: SparkEmitter) -> E:
    inside = Emitter("duckdb")
    low, step, count = (nodes.build_name(f"a{at}") for at in range(3))
    node = write_array(
        nodes.build_call("range", count),
        lambda place: write_json_element(
            nodes.build_binary("+", low, nodes.build_binary("*", place, step)), relation.axis.type, inside
        ),
    )
    arguments = [_call_first_value(name) for name in "lsn"]
    return vectorised_functions.call_vectorised_function(
        node, arguments, "VARCHAR", tuple(inside.routines.values()), emitter.use_routine
    )


def _build_json(node: E, kind: KqlType, emitter: SparkEmitter) -> E:
    """A value as the JSON text of an element."""
    inside = Emitter("duckdb")
    text = write_json_element(nodes.build_name("a0"), kind, inside)
    return vectorised_functions.call_vectorised_function(
        text, [node], "VARCHAR", tuple(inside.routines.values()), emitter.use_routine
    )


def _define_rows(relation: Series, emitter: SparkEmitter) -> str:
    """A common table expression of the rows: groups, axis, and what the aggregates read."""
    calls = [argument for item in relation.items for argument in item.call.arguments]
    values: list[Bound] = [relation.axis, *(value for _, value in relation.groups), *calls]
    block = emitter.write_block_over(relation.input, frozenset(), values, before_where=True)
    items = [(column.id, emitter.write_scalar(value, block)) for column, value in relation.groups]
    items.append(("x", emitter.write_scalar(relation.axis, block)))
    for item in relation.items:
        items += [
            (_format_argument(item, place), emitter.write_scalar(argument, block))
            for place, argument in enumerate(item.call.arguments)
        ]
    inner = make_block_over(block.build_select(items), [name for name, _ in items])
    inner.where.append(nodes.is_not_null(nodes.build_name("x")))
    return emitter.share_select(inner.build_select(inner.list_columns(inner.values)))


def _format_argument(item: BoundSeriesItem, place: int) -> str:
    return f"{item.column.id}_{place}"


def _build_table(name: str) -> E:
    return exp.Table(this=exp.Identifier(this=name))


def _build_extreme_subquery(name: str, rows: str) -> E:
    select = exp.Select(
        expressions=[nodes.build_call(name, nodes.build_name("x"))], from_=exp.From(this=_build_table(rows))
    )
    return exp.Subquery(this=select)


def _define_bounds(relation: Series, rows: str, emitter: SparkEmitter) -> str:
    """A common table expression of one row: the first bin `l`, the step `s`, the number of bins `n`."""
    low = (
        _build_extreme_subquery("min", rows) if relation.low is None else emitter.write_constant(relation.low)
    )
    high = (
        _build_extreme_subquery("max", rows)
        if relation.high is None
        else emitter.write_constant(relation.high)
    )
    given = make_block_over(
        SelectBlock(None).build_select(
            [("a", low), ("h", high), ("s", emitter.write_constant(relation.step))]
        ),
        "ahs",
    )
    first: E = nodes.build_name("a")
    step, end = nodes.build_name("s"), nodes.build_name("h")
    if relation.low is None:
        first = nodes.build_binary("*", _build_quotient(first, step, relation), step)
    lower = make_block_over(given.build_select([("l", first), ("h", end), ("s", step)]), "lhs")
    span = nodes.build_binary("-", end, nodes.build_name("l"))
    counted = _build_quotient(span, step, relation)
    if relation.inclusive:
        counted = nodes.build_binary("+", counted, nodes.build_number(1))
    elif relation.axis.type == KqlType.REAL:
        counted = nodes.build_call("ceil", nodes.build_binary("/", span, step))
    else:
        counted = _build_quotient(
            nodes.build_binary("-", nodes.build_binary("+", span, step), nodes.build_number(1)),
            step,
            relation,
        )
    bins = nodes.build_call(
        "greatest", nodes.build_cast(counted, "BIGINT"), nodes.build_cast(nodes.build_number(0), "BIGINT")
    )
    limited = nodes.limit_size(bins, MAX_BINS, "bins in a series", "raise_error")
    lower.where.append(nodes.build_binary(">", step, nodes.build_number(0)))
    return emitter.share_select(
        lower.build_select([("l", nodes.build_name("l")), ("s", step), ("n", limited)])
    )


def _build_quotient(node: E, step: E, relation: Series) -> E:
    if relation.axis.type == KqlType.REAL:
        return nodes.build_call("floor", nodes.build_binary("/", node, step))
    return nodes.build_binary("//", node, step)


def _write_bins(relation: Series, rows: str, bounds: str, emitter: SparkEmitter) -> SelectBlock:
    """The aggregates a group and bin, as JSON text, with the bounds."""
    offset = _build_quotient(
        nodes.build_binary("-", nodes.build_name("x"), nodes.build_name("l")), nodes.build_name("s"), relation
    )
    place = nodes.build_cast(offset, "BIGINT")
    ids = [column.id for column, _ in relation.groups]
    given = [_format_argument(item, at) for item in relation.items for at in range(len(item.call.arguments))]
    joined = SelectBlock(_build_table(rows), joins=[exp.Join(this=_build_table(bounds), kind="CROSS")])
    joined.where.append(nodes.build_binary(">=", nodes.build_name("x"), nodes.build_name("l")))
    joined.where.append(nodes.build_binary("<", place, nodes.build_name("n")))
    keys = [*ids, "i", "l", "s", "n"]
    columns = [(one, place if one == "i" else nodes.build_name(one)) for one in [*keys, *given]]
    block = make_block_over(joined.build_select(columns), [name for name, _ in columns])
    items: list[tuple[str, E]] = [(one, nodes.build_name(one)) for one in keys]
    for item in relation.items:
        arguments = [nodes.build_name(_format_argument(item, at)) for at in range(len(item.call.arguments))]
        value = aggregate(item.call, arguments, [], emitter)
        items.append((item.column.id, _build_json(value, item.call.type, emitter)))
    select = block.build_select(items)
    select.set("group", exp.Group(expressions=[nodes.build_name(one) for one in keys]))
    return make_block_over(select, [name for name, _ in items])
