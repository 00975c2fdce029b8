"""make-series in SQL."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from nephoscope_kql.dialects.aggregation import aggregate
from nephoscope_kql.dialects.relational import Emitter, Needed, writes
from nephoscope_kql.dialects.scalars import write_scalar_expression
from nephoscope_kql.dialects.select_block import SelectBlock, Value, make_block_over
from nephoscope_kql.dialects.size_estimates import guard_value_size
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
    items: list[tuple[str, E]] = [(one, nodes.build_name(one)) for one in groups]
    count = nodes.build_cast(
        nodes.build_coalesce(nodes.build_call("any_value", nodes.build_name("n")), nodes.build_number(0)),
        "BIGINT",
    )
    places = nodes.build_call("range", count)
    for item in relation.items:
        if item.column.id in needed:
            missing = write_json_element(
                write_scalar_expression(item.default, {}, emitter), item.call.type, emitter
            )
            items.append((item.column.id, _emit_values(item.column.id, missing, count, emitter)))
    axis = write_array(places, lambda place: _build_axis_value(relation, place, emitter))
    size = nodes.build_binary("*", count, nodes.build_number(AXIS_VALUE))
    items.append((relation.axis_column.id, guard_value_size(axis, size, emitter.use_routine(ROOM))))
    select = binned.build_select(items)
    if groups:
        select.set("group", exp.Group(expressions=[nodes.build_name(one) for one in groups]))
    else:
        select.set(
            "having",
            exp.Having(this=nodes.build_binary(">", exp.Count(this=exp.Star()), nodes.build_number(0))),
        )
    return make_block_over(select, [name for name, _ in items])


def _build_gaps(binned: SelectBlock, groups: list[str]) -> SelectBlock:
    """The bins with `g`, how many without rows lie before each in its group."""
    keys = [nodes.build_name(one) for one in groups]
    before = nodes.build_window(
        nodes.build_call("lag", nodes.build_name("i")), keys, [nodes.sort_key(nodes.build_name("i"))]
    )
    gap = nodes.build_binary("-", nodes.build_name("i"), nodes.build_coalesce(before, nodes.build_number(-1)))
    names = list(binned.values)
    items = [*binned.list_columns(names), ("g", nodes.build_binary("-", gap, nodes.build_number(1)))]
    return make_block_over(binned.build_select(items), [*names, "g"])


def _emit_values(column: str, missing: E, count: E, emitter: Emitter) -> E:
    """The text of a series: each bin that has rows behind its gap, then the bins after the last one."""
    comma, last = nodes.build_text(","), nodes.build_call("max", nodes.build_name("i"))
    gap = _repeat_text(nodes.build_chain("||", [missing, comma]), nodes.build_name("g"), emitter)
    value = nodes.build_chain("||", [gap, nodes.build_name(column)])
    some = nodes.is_not_null(nodes.build_name("i"))
    found = nodes.aggregate(
        "string_agg", value, comma, order=[nodes.sort_key(nodes.build_name("i"))], where=some
    )
    rest = nodes.build_binary("-", nodes.build_binary("-", count, nodes.build_number(1)), last)
    after = nodes.build_chain("||", [comma, missing])
    filled = nodes.build_chain("||", [found, _repeat_text(after, rest, emitter)])
    empty = nodes.build_call("substr", _repeat_text(after, count, emitter), nodes.build_number(2))
    inside = nodes.build_case((nodes.is_null(last), empty), otherwise=filled)
    return nodes.build_chain("||", [nodes.build_text("["), inside, nodes.build_text("]")])


def _repeat_text(text: E, times: E, emitter: Emitter) -> E:
    """A text so many times, where there is room for it."""
    size = nodes.build_binary("*", times, nodes.build_call("strlen", text))
    return guard_value_size(nodes.build_call("repeat", text, times), size, emitter.use_routine(ROOM))


def write_array(places: E, value: Callable[[E], E]) -> E:
    """The text of an array with an element for every place; `value` gives an element's text."""
    texts = nodes.build_call("list_transform", places, nodes.build_lambda(value, "k"))
    joined = nodes.build_call("array_to_string", texts, nodes.build_text(","))
    return nodes.build_chain("||", [nodes.build_text("["), joined, nodes.build_text("]")])


def write_json_element(node: E, kind: KqlType, emitter: Emitter) -> E:
    """A value as the JSON text of an element, `null` too."""
    arguments = Arguments([], [], kind, emitter.nowhere, emitter.use_routine)
    return nodes.build_coalesce(to_json(arguments, node, kind), nodes.build_text("null"))


def _build_axis_value(relation: Series, place: E, emitter: Emitter) -> E:
    low, step = (nodes.build_call("any_value", nodes.build_name(name)) for name in ("l", "s"))
    value = nodes.build_binary("+", low, nodes.build_binary("*", place, step))
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
        expressions=[nodes.build_call(name, nodes.build_name("x"))], from_=exp.From(this=_build_table(rows))
    )
    return exp.Subquery(this=select)


def _define_bounds(relation: Series, rows: str, emitter: Emitter) -> str:
    """A common table expression of one row: the first bin `l`, the step `s`, the number of bins `n`."""
    step = write_scalar_expression(relation.step, {}, emitter)
    low = (
        _build_extreme_subquery("min", rows)
        if relation.low is None
        else write_scalar_expression(relation.low, {}, emitter)
    )
    high = (
        _build_extreme_subquery("max", rows)
        if relation.high is None
        else write_scalar_expression(relation.high, {}, emitter)
    )
    given = exp.Select(
        expressions=[_build_alias_node(low, "a"), _build_alias_node(high, "h"), _build_alias_node(step, "s")]
    )
    first: E = nodes.build_name("a")
    if relation.low is None:
        first = nodes.build_binary(
            "*", _build_quotient(first, nodes.build_name("s"), relation), nodes.build_name("s")
        )
    span = nodes.build_binary("-", _widen_number(nodes.build_name("h"), relation), nodes.build_name("l"))
    counted = _build_quotient(span, nodes.build_name("s"), relation)
    if relation.inclusive:
        counted = nodes.build_binary("+", counted, nodes.build_number(1))
    elif relation.axis.type == KqlType.REAL:
        counted = nodes.build_call("ceil", nodes.build_binary("/", span, nodes.build_name("s")))
    else:
        counted = _build_quotient(
            nodes.build_binary(
                "-", nodes.build_binary("+", span, nodes.build_name("s")), nodes.build_number(1)
            ),
            nodes.build_name("s"),
            relation,
        )
    lower = exp.Select(
        expressions=[_build_alias_node(first, "l"), nodes.build_name("h"), nodes.build_name("s")],
        from_=exp.From(this=exp.Subquery(this=given)),
    )
    limited = nodes.limit_size(
        nodes.build_call("greatest", counted, nodes.build_number(0)), MAX_BINS, "bins in a series"
    )
    final = exp.Select(
        expressions=[nodes.build_name("l"), nodes.build_name("s"), _build_alias_node(limited, "n")],
        from_=exp.From(this=exp.Subquery(this=lower)),
    )
    final.set("where", exp.Where(this=nodes.build_binary(">", nodes.build_name("s"), nodes.build_number(0))))
    return emitter.share_select(final)


def _widen_number(node: E, relation: Series) -> E:
    """A value whose distance to another may be more than its type holds; datetimes are never so far apart."""
    narrow = relation.axis.type.is_integer or relation.axis.type == KqlType.TIMESPAN
    return nodes.build_cast(node, "HUGEINT") if narrow else node


def _build_quotient(node: E, step: E, relation: Series) -> E:
    if relation.axis.type == KqlType.REAL:
        return nodes.build_call("floor", nodes.build_binary("/", node, step))
    return nodes.build_binary("//", node, step)


def _build_alias_node(node: E, name: str) -> E:
    return exp.Alias(this=node, alias=exp.Identifier(this=name))


def _write_bins(relation: Series, rows: str, bounds: str, emitter: Emitter) -> SelectBlock:
    """The aggregates a group and bin, as JSON text, with the bounds."""
    distance = nodes.build_binary("-", _widen_number(nodes.build_name("x"), relation), nodes.build_name("l"))
    place = nodes.try_cast(_build_quotient(distance, nodes.build_name("s"), relation), "BIGINT")
    ids = [column.id for column, _ in relation.groups]
    block = SelectBlock(_build_table(rows), joins=[exp.Join(this=_build_table(bounds), kind="CROSS")])
    block.where.append(nodes.build_binary(">=", nodes.build_name("x"), nodes.build_name("l")))
    block.where.append(nodes.build_binary("<", place, nodes.build_name("n")))
    items: list[tuple[str, E]] = [(one, nodes.build_name(one)) for one in ids]
    items += [
        ("i", place),
        ("l", nodes.build_name("l")),
        ("s", nodes.build_name("s")),
        ("n", nodes.build_name("n")),
    ]
    for item in relation.items:
        arguments = [
            nodes.build_name(_format_argument(item.column.id, at)) for at in range(len(item.call.arguments))
        ]
        value = aggregate(item.call, arguments, [], emitter)
        items.append((item.column.id, write_json_element(value, item.call.type, emitter)))
    select = block.build_select(items)
    keys = [nodes.build_name(one) for one in [*ids]] + [
        place,
        nodes.build_name("l"),
        nodes.build_name("s"),
        nodes.build_name("n"),
    ]
    select.set("group", exp.Group(expressions=keys))
    names = [name for name, _ in items]
    if not relation.nonempty:
        return make_block_over(select, names)
    both = exp.Union(this=select, expression=_build_empty_row(relation, rows, bounds, names), distinct=False)
    return SelectBlock(exp.Subquery(this=both), {name: Value(nodes.build_name(name)) for name in names})


def _build_empty_row(relation: Series, rows: str, bounds: str, names: list[str]) -> exp.Select:
    """A row with the bounds and no bin, where there are no rows."""
    kinds = {column.id: column.type for column, _ in relation.groups}
    known = {name: nodes.build_name(name) for name in ("l", "s", "n")}
    empty = {
        name: nodes.build_null(kind) if kind != KqlType.STRING else nodes.build_text("")
        for name, kind in kinds.items()
    }
    block = SelectBlock(_build_table(bounds))
    some = exp.Exists(
        this=exp.Select(expressions=[nodes.build_number(1)], from_=exp.From(this=_build_table(rows)))
    )
    block.where.append(nodes.build_not(some))
    return block.build_select(
        [(name, known.get(name) or empty.get(name) or nodes.build_null()) for name in names]
    )
