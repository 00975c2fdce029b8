"""Row operators: sort, take, top, count, distinct, sample, print, range, render and consume."""

from __future__ import annotations

from functools import partial

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.diagnostics import ErrorExpression, build_unknown_value
from nephoscope_kql.binder.environment import Env, make_reference, register_operator_binder
from nephoscope_kql.binder.operands import bind_arithmetic, bind_comparison, bind_operation
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.binder.tables import inline_rows
from nephoscope_kql.errors import Span, make_invalid_error, make_unsupported_query_error
from nephoscope_kql.operators.column_operators import match_columns
from nephoscope_kql.operators.multi_result_functions import list_output_names, list_outputs
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef
from nephoscope_kql.plan.relations import (
    MAX_RANGE,
    Aggregated,
    Assign,
    Filter,
    Limited,
    Numbered,
    Numbers,
    Sorted,
)
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation, SortKey
from nephoscope_kql.registry import load_aggregates
from nephoscope_kql.tree.operators import (
    Consume,
    Count,
    Distinct,
    Print,
    Range,
    Render,
    Sample,
    SampleDistinct,
    Sort,
    Take,
    Top,
)
from nephoscope_kql.types import KqlType, choose_wider_number_type, promote_type


@register_operator_binder(Sort)
def bind_sort(relation: Relation, operator: Sort, env: Env) -> Relation:
    """`sort by`: descending unless it says otherwise; nulls are least."""
    return sort_rows(relation, operator.keys, env)


def sort_rows(relation: Relation, keys: tuple[tree.Ordered, ...], env: Env) -> Relation:
    """The rows in the order of keys; keys that are no columns are computed into hidden ones."""
    inner = env.with_relation_columns(relation)
    order: list[SortKey] = []
    assigned: list[tuple[Column, Bound]] = []
    for key in keys:
        unknown: Bound = build_unknown_value(key.span)
        value = env.binder.bind_or_default(partial(_bind_sort_key, key, inner), unknown, inner)
        if not isinstance(value, ColumnRef):
            column = env.binder.make_column("", value.type)
            assigned.append((column, value))
            value = make_reference(column, key.span)
        ascending = bool(key.ascending)
        first = ascending if key.nulls_first is None else key.nulls_first
        order.append(SortKey(value, ascending, first))
    if assigned:
        relation = Assign(
            columns=relation.columns, order=relation.order, input=relation, assigned=tuple(assigned)
        )
    return Sorted(columns=relation.columns, order=tuple(order), input=relation)


def _bind_sort_key(key: tree.Ordered, env: Env) -> Bound:
    """The value of a key."""
    value = env.bind_scalar(key.value)
    if value.type == KqlType.DYNAMIC and (env.binder.unseen or env.binder.untyped):
        return convert_explicitly(value, KqlType.STRING)
    if value.type == KqlType.DYNAMIC and not isinstance(value, ErrorExpression):
        raise make_invalid_error(
            "rows cannot be sorted by a dynamic", key.span, "convert it: tostring(), tolong() ..."
        )
    return value


def bind_row_count(expression: tree.Expression, env: Env) -> Bound:
    """The number of rows that take and its kin ask for."""
    value = env.without_row().bind_scalar(expression)
    if value.type not in (KqlType.INT, KqlType.LONG, KqlType.DYNAMIC, KqlType.REAL):
        raise make_invalid_error(f"a number of rows is expected, not {value.type}", expression.span)
    if isinstance(value, Constant) and isinstance(value.value, int | float) and value.value < 0:
        raise make_invalid_error("a number of rows is not negative", expression.span)
    return convert_explicitly(value, KqlType.LONG)


def limit_rows(relation: Relation, count: Bound, env: Env) -> Relation:
    """The first rows; of each part where the rows are in parts."""
    if not env.partition:
        return Limited(columns=relation.columns, order=relation.order, input=relation, count=count)
    number = env.binder.make_column("", KqlType.LONG)
    numbered = Numbered(
        columns=relation.columns,
        order=relation.order,
        input=relation,
        number=number,
        partition=env.list_parts(count.span),
    )
    first = bind_comparison("<=", make_reference(number, count.span), count, count.span)
    return Filter(columns=relation.columns, order=relation.order, input=numbered, predicate=first)


def partition_groups(env: Env, span: Span) -> list[tuple[Column, Bound]]:
    """The groups that keep the parts of rows apart: hidden columns that keep their ids."""
    return [(column, make_reference(column, span)) for column in env.partition]


@register_operator_binder(Take)
def bind_take(relation: Relation, operator: Take, env: Env) -> Relation:
    """`take`."""
    return limit_rows(relation, bind_row_count(operator.count, env), env)


@register_operator_binder(Top)
def bind_top(relation: Relation, operator: Top, env: Env) -> Relation:
    """`top n by keys`."""
    return limit_rows(sort_rows(relation, operator.keys, env), bind_row_count(operator.count, env), env)


@register_operator_binder(Sample)
def bind_sample(relation: Relation, operator: Sample, env: Env) -> Relation:
    """`sample`: any rows will do."""
    return limit_rows(relation, bind_row_count(operator.count, env), env)


@register_operator_binder(SampleDistinct)
def bind_sample_distinct(relation: Relation, operator: SampleDistinct, env: Env) -> Relation:
    """`sample-distinct n of value`."""
    return limit_rows(
        bind_distinct_values(relation, (operator.value,), env), bind_row_count(operator.count, env), env
    )


@register_operator_binder(Count)
def bind_count(relation: Relation, operator: Count, env: Env) -> Relation:
    """`count`."""
    column = env.binder.make_column(operator.name or "Count", KqlType.LONG)
    counted = AggregateCall(
        type=KqlType.LONG, span=operator.span, aggregate=load_aggregates()["count"], arguments=()
    )
    return Aggregated(
        columns=(column,),
        input=relation,
        groups=tuple(partition_groups(env, operator.span)),
        aggregates=((column, counted),),
    )


@register_operator_binder(Distinct)
def bind_distinct(relation: Relation, operator: Distinct, env: Env) -> Relation:
    """`distinct`."""
    return bind_distinct_values(relation, operator.items, env)


def bind_distinct_values(relation: Relation, items: tuple[tree.Expression, ...], env: Env) -> Relation:
    """The distinct combinations of values."""
    inner = env.with_relation_columns(relation)
    groups: list[tuple[Column, Bound]] = partition_groups(env, items[0].span)
    names = ColumnNames()
    for item in items:
        if isinstance(item, tree.Star | tree.Wildcard):
            for column in match_columns(relation, item):
                whole = make_reference(column, item.span)
                groups.append((env.binder.make_value_column(names.make_unique(column.name), whole), whole))
            continue
        value = inner.bind_scalar(item.value if isinstance(item, tree.Named) else item)
        name = item.names[0].name if isinstance(item, tree.Named) else get_implied_name(item)
        groups.append(
            (
                env.binder.make_value_column(
                    names.make_unique(name) if name else names.make_default_name(), value
                ),
                value,
            )
        )
    columns = tuple(column for column, _ in groups[len(env.partition) :])
    return Aggregated(columns=columns, input=relation, groups=tuple(groups), aggregates=())


@register_operator_binder(Print)
def bind_print(_relation: Relation | None, operator: Print, env: Env) -> Relation:
    """`print`: one row."""
    names = ColumnNames()
    columns: list[Column] = []
    values: list[Bound] = []
    for place, item in enumerate(operator.items):
        named = isinstance(item, tree.Named)
        value = env.without_row().bind_scalar(item.value if isinstance(item, tree.Named) else item)
        given = [name.name for name in item.names] if isinstance(item, tree.Named) else [f"print_{place}"]
        given = given if named else list(list_output_names(item, value)) or given
        if len(given) > 1 or list_outputs(value):
            from nephoscope_kql.operators.column_operators import spread_elements

            for name, part in spread_elements(tuple(given), value, item.span):
                columns.append(env.binder.make_value_column(names.make_unique(name), part))
                values.append(part)
            continue
        columns.append(env.binder.make_value_column(names.make_unique(given[0]), value))
        values.append(value)
    return inline_rows(env, tuple(columns), (tuple(values),))


@register_operator_binder(Range)
def bind_range(_relation: Relation | None, operator: Range, env: Env) -> Relation:
    """`range`: numbers, times or timespans."""
    inner = env.without_row()
    low, high, step = (inner.bind_scalar(part) for part in (operator.low, operator.high, operator.step))
    kind = _infer_range_type(low, high, step)
    if kind == KqlType.DECIMAL:
        return _bind_decimals(operator, env, *(convert_explicitly(part, kind) for part in (low, high, step)))
    inside = promote_type(kind)
    low, high = convert_explicitly(low, inside), convert_explicitly(high, inside)
    step = convert_explicitly(step, inside if kind.is_numeric else KqlType.TIMESPAN)
    _refuse_long_range(low, high, step, operator.span)
    column = env.binder.make_column(operator.name, kind)
    falls = isinstance(step, Constant) and isinstance(step.value, int | float) and step.value < 0
    order = (SortKey(make_reference(column, operator.span), ascending=not falls, nulls_first=not falls),)
    return Numbers(columns=(column,), order=order, low=low, high=high, step=step)


def _infer_range_type(low: Bound, high: Bound, step: Bound) -> KqlType:
    """The type of a range's values: the widest of its numbers, else that of its start; KqlError where its parts do not fit."""
    kind = low.type
    if not kind.is_numeric and kind not in (KqlType.DATETIME, KqlType.TIMESPAN):
        raise make_invalid_error(f"a range of {kind} is not possible", low.span)
    for name, part, usual in (
        ("end", high, kind),
        ("step", step, kind if kind.is_numeric else KqlType.TIMESPAN),
    ):
        if part.type not in (usual, KqlType.DYNAMIC) and not (usual.is_numeric and part.type.is_numeric):
            raise make_invalid_error(
                f"the {name} of a range of {kind} is {usual}, not {part.type}", part.span
            )
        kind = choose_wider_number_type(kind, part.type) if part.type.is_numeric else kind
    return kind


def _bind_decimals(operator: Range, env: Env, low: Bound, high: Bound, step: Bound) -> Relation:
    """A range of decimals: a row for each whole number of steps, and the decimal that is so far from the start."""
    span = operator.span
    distance = bind_arithmetic("/", bind_arithmetic("-", high, low, span), step, span)
    one = constants.make_long_constant(1, span)
    whole = bind_operation("bin", KqlType.DECIMAL, span, distance, convert_explicitly(one, KqlType.DECIMAL))
    place = env.binder.make_column("", KqlType.LONG)
    order = (SortKey(make_reference(place, span), ascending=True, nulls_first=True),)
    zero = constants.make_long_constant(0, span)
    rows = Numbers(
        columns=(place,), order=order, low=zero, high=convert_explicitly(whole, KqlType.LONG), step=one
    )
    column = env.binder.make_column(operator.name, KqlType.DECIMAL)
    steps = bind_arithmetic("*", convert_explicitly(make_reference(place, span), KqlType.DECIMAL), step, span)
    value = bind_arithmetic("+", low, steps, span)
    return Assign(columns=(column,), order=order, input=rows, assigned=((column, value),))


def _refuse_long_range(low: Bound, high: Bound, step: Bound, span: Span) -> None:
    """Refuse a range of constants that has more values than a query may make."""
    first, last, each = (part.value if isinstance(part, Constant) else None for part in (low, high, step))
    if not (
        isinstance(first, int | float) and isinstance(last, int | float) and isinstance(each, int | float)
    ):
        return
    if each and (last - first) / each > MAX_RANGE:
        raise make_unsupported_query_error(
            f"a range of more than {MAX_RANGE:,} values", span, "take a larger step"
        )


@register_operator_binder(Render)
def bind_render(relation: Relation, operator: Render, env: Env) -> Relation:
    """`render`: kept for whoever shows the rows."""
    env.binder.hint = operator
    return relation


@register_operator_binder(Consume)
def bind_consume(relation: Relation, _operator: Consume, _env: Env) -> Relation:
    """`consume`: no rows."""
    never: Constant = constants.make_constant(False, KqlType.BOOL)
    return Filter(columns=relation.columns, input=relation, predicate=never)
