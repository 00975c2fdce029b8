"""make-series in SQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from nephoscope_kql.dialects.aggregation import aggregate
from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.scalars import scalar
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.size_estimates import with_room
from nephoscope_kql.functions.size_guard import ROOM
from nephoscope_kql.functions.tostring import to_json
from nephoscope_kql.plan.function_signatures import Arguments
from nephoscope_kql.plan.relations import MAX_BINS, Series
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

E = exp.Expr
AXIS_VALUE = 64
"""Bytes that a value of the axis takes, its place in a list beside its text."""


@writes(Series)
def write_series(relation: Series, needed: Needed, emitter: Emitter) -> SelectBlock:
    """Rows with their axis, bounds, values a group and bin, then one array a group."""
    rows = _define_rows(relation, emitter)
    bounds = _define_bounds(relation, rows, emitter)
    groups = [column.id for column, _ in relation.groups]
    binned = _build_gaps(_write_bins(relation, rows, bounds, emitter), groups)
    items: list[tuple[str, E]] = [(one, nodes.name(one)) for one in groups]
    count = nodes.cast(nodes.coalesce(nodes.call("any_value", nodes.name("n")), nodes.number(0)), "BIGINT")
    places = nodes.call("range", count)
    for item in relation.items:
        if item.column.id in needed:
            missing = write_json_element(scalar(item.default, {}, emitter), item.call.type, emitter)
            items.append((item.column.id, _emit_values(item.column.id, missing, count, emitter)))
    axis = write_array(places, lambda place: _build_axis_value(relation, place, emitter))
    size = nodes.binary("*", count, nodes.number(AXIS_VALUE))
    items.append((relation.axis_column.id, with_room(axis, size, emitter.use_routine(ROOM))))
    select = binned.build_select(items)
    if groups:
        select.set("group", exp.Group(expressions=[nodes.name(one) for one in groups]))
    else:
        select.set("having", exp.Having(this=nodes.binary(">", exp.Count(this=exp.Star()), nodes.number(0))))
    return make_block_over(select, [name for name, _ in items])


def _build_gaps(binned: SelectBlock, groups: list[str]) -> SelectBlock:
    """The bins with `g`, how many without rows lie before each in its group."""
    keys = [nodes.name(one) for one in groups]
    before = nodes.window(nodes.call("lag", nodes.name("i")), keys, [nodes.sort_key(nodes.name("i"))])
    gap = nodes.binary("-", nodes.name("i"), nodes.coalesce(before, nodes.number(-1)))
    names = list(binned.values)
    items = [*binned.list_columns(names), ("g", nodes.binary("-", gap, nodes.number(1)))]
    return make_block_over(binned.build_select(items), [*names, "g"])


def _emit_values(column: str, missing: E, count: E, emitter: Emitter) -> E:
    """The text of a series: each bin that has rows behind its gap, then the bins after the last one."""
    comma, last = nodes.text(","), nodes.call("max", nodes.name("i"))
    gap = _repeat_text(nodes.chain("||", [missing, comma]), nodes.name("g"), emitter)
    value = nodes.chain("||", [gap, nodes.name(column)])
    some = nodes.is_not_null(nodes.name("i"))
    found = nodes.aggregate("string_agg", value, comma, order=[nodes.sort_key(nodes.name("i"))], where=some)
    rest = nodes.binary("-", nodes.binary("-", count, nodes.number(1)), last)
    after = nodes.chain("||", [comma, missing])
    filled = nodes.chain("||", [found, _repeat_text(after, rest, emitter)])
    empty = nodes.call("substr", _repeat_text(after, count, emitter), nodes.number(2))
    inside = nodes.case((nodes.is_null(last), empty), otherwise=filled)
    return nodes.chain("||", [nodes.text("["), inside, nodes.text("]")])


def _repeat_text(text: E, times: E, emitter: Emitter) -> E:
    """A text so many times, where there is room for it."""
    size = nodes.binary("*", times, nodes.call("strlen", text))
    return with_room(nodes.call("repeat", text, times), size, emitter.use_routine(ROOM))


def write_array(places: E, value: Callable[[E], E]) -> E:
    """The text of an array with an element for every place; `value` gives an element's text."""
    texts = nodes.call("list_transform", places, nodes.lambda_(value, "k"))
    joined = nodes.call("array_to_string", texts, nodes.text(","))
    return nodes.chain("||", [nodes.text("["), joined, nodes.text("]")])


def write_json_element(node: E, kind: KqlType, emitter: Emitter) -> E:
    """A value as the JSON text of an element, `null` too."""
    arguments = Arguments([], [], kind, emitter.nowhere, emitter.use_routine)
    return nodes.coalesce(to_json(arguments, node, kind), nodes.text("null"))


def _build_axis_value(relation: Series, place: E, emitter: Emitter) -> E:
    low, step = (nodes.call("any_value", nodes.name(name)) for name in ("l", "s"))
    value = nodes.binary("+", low, nodes.binary("*", place, step))
    return write_json_element(value, relation.axis.type, emitter)


def _define_rows(relation: Series, emitter: Emitter) -> str:
    """A common table expression of the rows: groups, axis, and what the aggregates read."""
    calls = [argument for item in relation.items for argument in item.call.arguments]
    values: list[Bound] = [relation.axis, *(value for _, value in relation.groups), *calls]
    block = emitter.write_block_over(relation.input, frozenset(), values, before_where=True)
    block.where.append(nodes.is_not_null(emitter.write_scalar(relation.axis, block)))
    items = [(column.id, emitter.write_scalar(value, block)) for column, value in relation.groups]
    items.append(("x", emitter.write_scalar(relation.axis, block)))
    for item in relation.items:
        items += [
            (_format_argument(item.column.id, place), emitter.write_scalar(argument, block))
            for place, argument in enumerate(item.call.arguments)
        ]
    return emitter.share_select(block.build_select(items))


def _format_argument(column: str, place: int) -> str:
    return f"{column}_{place}"


def _build_table(name: str) -> E:
    return exp.Table(this=exp.Identifier(this=name))


def _build_extreme_subquery(name: str, rows: str) -> E:
    select = exp.Select(
        expressions=[nodes.call(name, nodes.name("x"))], from_=exp.From(this=_build_table(rows))
    )
    return exp.Subquery(this=select)


def _define_bounds(relation: Series, rows: str, emitter: Emitter) -> str:
    """A common table expression of one row: the first bin `l`, the step `s`, the number of bins `n`."""
    step = scalar(relation.step, {}, emitter)
    low = _build_extreme_subquery("min", rows) if relation.low is None else scalar(relation.low, {}, emitter)
    high = (
        _build_extreme_subquery("max", rows) if relation.high is None else scalar(relation.high, {}, emitter)
    )
    given = exp.Select(
        expressions=[_build_alias_node(low, "a"), _build_alias_node(high, "h"), _build_alias_node(step, "s")]
    )
    first: E = nodes.name("a")
    if relation.low is None:
        first = nodes.binary("*", _build_quotient(first, nodes.name("s"), relation), nodes.name("s"))
    span = nodes.binary("-", _widen_number(nodes.name("h"), relation), nodes.name("l"))
    counted = _build_quotient(span, nodes.name("s"), relation)
    if relation.inclusive:
        counted = nodes.binary("+", counted, nodes.number(1))
    elif relation.axis.type == KqlType.REAL:
        counted = nodes.call("ceil", nodes.binary("/", span, nodes.name("s")))
    else:
        counted = _build_quotient(
            nodes.binary("-", nodes.binary("+", span, nodes.name("s")), nodes.number(1)),
            nodes.name("s"),
            relation,
        )
    lower = exp.Select(
        expressions=[_build_alias_node(first, "l"), nodes.name("h"), nodes.name("s")],
        from_=exp.From(this=exp.Subquery(this=given)),
    )
    limited = nodes.limit_size(nodes.call("greatest", counted, nodes.number(0)), MAX_BINS, "bins in a series")
    final = exp.Select(
        expressions=[nodes.name("l"), nodes.name("s"), _build_alias_node(limited, "n")],
        from_=exp.From(this=exp.Subquery(this=lower)),
    )
    final.set("where", exp.Where(this=nodes.binary(">", nodes.name("s"), nodes.number(0))))
    return emitter.share_select(final)


def _widen_number(node: E, relation: Series) -> E:
    """A value whose distance to another may be more than its type holds; datetimes are never so far apart."""
    narrow = relation.axis.type.integer or relation.axis.type == KqlType.TIMESPAN
    return nodes.cast(node, "HUGEINT") if narrow else node


def _build_quotient(node: E, step: E, relation: Series) -> E:
    if relation.axis.type == KqlType.REAL:
        return nodes.call("floor", nodes.binary("/", node, step))
    return nodes.binary("//", node, step)


def _build_alias_node(node: E, name: str) -> E:
    return exp.Alias(this=node, alias=exp.Identifier(this=name))


def _write_bins(relation: Series, rows: str, bounds: str, emitter: Emitter) -> SelectBlock:
    """The aggregates a group and bin, as JSON text, with the bounds."""
    distance = nodes.binary("-", _widen_number(nodes.name("x"), relation), nodes.name("l"))
    place = nodes.try_cast(_build_quotient(distance, nodes.name("s"), relation), "BIGINT")
    ids = [column.id for column, _ in relation.groups]
    block = SelectBlock(_build_table(rows), joins=[exp.Join(this=_build_table(bounds), kind="CROSS")])
    block.where.append(nodes.binary(">=", nodes.name("x"), nodes.name("l")))
    block.where.append(nodes.binary("<", place, nodes.name("n")))
    items: list[tuple[str, E]] = [(one, nodes.name(one)) for one in ids]
    items += [("i", place), ("l", nodes.name("l")), ("s", nodes.name("s")), ("n", nodes.name("n"))]
    for item in relation.items:
        arguments = [
            nodes.name(_format_argument(item.column.id, at)) for at in range(len(item.call.arguments))
        ]
        value = aggregate(item.call, arguments, [], emitter)
        items.append((item.column.id, write_json_element(value, item.call.type, emitter)))
    select = block.build_select(items)
    keys = [nodes.name(one) for one in [*ids]] + [place, nodes.name("l"), nodes.name("s"), nodes.name("n")]
    select.set("group", exp.Group(expressions=keys))
    names = [name for name, _ in items]
    if not relation.nonempty:
        return make_block_over(select, names)
    both = exp.Union(this=select, expression=_no_rows(relation, rows, bounds, names), distinct=False)
    return SelectBlock(exp.Subquery(this=both), {name: Value(nodes.name(name)) for name in names})


def _no_rows(relation: Series, rows: str, bounds: str, names: list[str]) -> exp.Select:
    """A row with the bounds and no bin, where there are no rows."""
    kinds = {column.id: column.type for column, _ in relation.groups}
    known = {name: nodes.name(name) for name in ("l", "s", "n")}
    empty = {
        name: nodes.null(kind) if kind != KqlType.STRING else nodes.text("") for name, kind in kinds.items()
    }
    block = SelectBlock(_build_table(bounds))
    some = exp.Exists(this=exp.Select(expressions=[nodes.number(1)], from_=exp.From(this=_build_table(rows))))
    block.where.append(nodes.not_(some))
    return block.build_select([(name, known.get(name) or empty.get(name) or nodes.null()) for name in names])
