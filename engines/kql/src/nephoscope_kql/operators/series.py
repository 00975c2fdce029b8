"""make-series."""

from __future__ import annotations

from dataclasses import replace

from nephoscope_kql import tree
from nephoscope_kql.binder import constants
from nephoscope_kql.binder.column_naming import ColumnNames, get_implied_name
from nephoscope_kql.binder.environment import CallCollector, Env, register_operator_binder
from nephoscope_kql.binder.overload_resolution import convert_explicitly
from nephoscope_kql.errors import make_invalid_error, make_unsupported_query_error
from nephoscope_kql.operators.join import find_parameter
from nephoscope_kql.operators.row_operators import partition_groups
from nephoscope_kql.operators.summarize import bind_groups, bind_results
from nephoscope_kql.plan.expressions import AggregateCall, ColumnRef
from nephoscope_kql.plan.relations import BoundSeriesItem, Series
from nephoscope_kql.plan.values import Bound, Column, Constant, Relation
from nephoscope_kql.registry import load_aggregates
from nephoscope_kql.tree.operators import MakeSeries
from nephoscope_kql.types import KqlType


@register_operator_binder(MakeSeries)
def bind_make_series(relation: Relation, operator: MakeSeries, env: Env) -> Relation:
    """`make-series`."""
    kind = find_parameter(operator.parameters, "kind")
    if kind is not None and kind.word != "nonempty":
        raise make_invalid_error(
            f"no kind of make-series is named '{kind.word}'", kind.span, "known: nonempty"
        )
    inner = env.with_relation_columns(relation)
    groups, names = bind_groups(operator.groups, inner)
    axis = inner.bind_scalar(operator.axis.value if isinstance(operator.axis, tree.Named) else operator.axis)
    if axis.type not in (KqlType.DATETIME, KqlType.TIMESPAN) and not axis.type.is_numeric:
        raise make_invalid_error(
            f"an axis is a number, a datetime or a timespan, not {axis.type}", operator.axis.span
        )
    items = [_build_item(item, inner, relation, groups, names) for item in operator.items]
    named = isinstance(operator.axis, tree.Named)
    label = (
        operator.axis.names[0].name
        if isinstance(operator.axis, tree.Named) and named
        else get_implied_name(operator.axis)
    )
    axis_column = env.binder.make_column(
        names.make_unique(label) if label else names.make_default_name(), KqlType.DYNAMIC
    )
    kind_of_step = KqlType.TIMESPAN if axis.type == KqlType.DATETIME else axis.type
    keys: tuple[Column, ...] = tuple(column for column, _ in groups)
    return Series(
        columns=(*keys, *(item.column for item in items), axis_column),
        input=relation,
        groups=(*partition_groups(env, operator.span), *groups),
        items=tuple(items),
        axis=axis,
        axis_column=axis_column,
        low=_bind_optional(operator.low, env, axis.type),
        high=_bind_optional(operator.high, env, axis.type),
        step=convert_explicitly(env.without_row().bind_scalar(operator.step), kind_of_step),
        inclusive=operator.in_range or operator.high is None,
        nonempty=kind is not None,
    )


def _bind_optional(expression: tree.Expression | None, env: Env, kind: KqlType) -> Bound | None:
    return None if expression is None else convert_explicitly(env.without_row().bind_scalar(expression), kind)


def _build_item(
    item: tree.operators.SeriesItem,
    inner: Env,
    relation: Relation,
    groups: list[tuple[Column, Bound]],
    names: ColumnNames,
) -> BoundSeriesItem:
    collector = CallCollector()
    results = bind_results(item.value, replace(inner, aggregates=collector), relation, groups, names)
    calls = [call for _, call in collector.calls if isinstance(call, AggregateCall)]
    if len(results) == 1 and not collector.calls:
        calls = [_take_value(results[0][1])]
    elif len(results) != 1 or not isinstance(results[0][1], ColumnRef) or len(calls) != 1:
        raise make_unsupported_query_error(
            "an item of make-series that is more than one aggregate", item.span
        )
    column = inner.binder.make_column(results[0][0], KqlType.DYNAMIC)
    return BoundSeriesItem(column, calls[0], _bind_default(item, inner, calls[0].type))


def _take_value(value: Bound) -> AggregateCall:
    """An item without an aggregate, `other = -1`: the value for every bin that has rows."""
    found = load_aggregates()["take_any"]
    return AggregateCall(type=value.type, span=value.span, aggregate=found, arguments=(value,))


def _bind_default(item: tree.operators.SeriesItem, inner: Env, kind: KqlType) -> Bound:
    if item.default is None:
        zero = constants.make_long_constant(0, item.span)
        return convert_explicitly(zero, kind) if kind.is_numeric else constants.make_null(kind, item.span)
    value = inner.without_row().bind_scalar(item.default)
    if isinstance(value, Constant) and value.value is None:
        return constants.make_constant(None, kind, value.span)
    return convert_explicitly(value, kind)
