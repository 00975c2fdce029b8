"""Comparisons: a null equals nothing and differs from everything but a null; NaN compares as IEEE says."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


def _build_raw(operator: str, call: Arguments) -> exp.Expr:
    """The comparison in SQL's terms; NaN, which DuckDB holds greatest and equal to itself, makes it false."""
    node = nodes.build_binary(operator, call[0], call[1])
    if operator == "<>":
        return _build_unless_nan(nodes.build_binary("<>", call[0], call[1]), call, "or")
    return _build_unless_nan(node, call, "and")


def _build_unless_nan(node: exp.Expr, call: Arguments, connector: str) -> exp.Expr:
    for place, item in enumerate(call.bound):
        if item.type == KqlType.REAL and not _is_number(item) and not _is_converted_integer(call, place):
            test = nodes.build_call("isnan", call[place])
            node = nodes.build_binary(connector, node, test if connector == "or" else nodes.build_not(test))
    return node


def _is_number(item: Bound) -> bool:
    """Return whether it is a constant other than NaN."""
    return isinstance(item, Constant) and item.value == item.value


def _is_converted_integer(call: Arguments, place: int) -> bool:
    """Return whether a real comes from an integer, so that it cannot be NaN."""
    bound = call.bound[place]
    return isinstance(bound, BoundCall) and len(bound.arguments) == 1 and bound.arguments[0].type.is_integer


@declare_function("==(left: any, right: any): bool", hidden=True)
def equal(call: Arguments) -> exp.Expr:
    """Tell whether two values are equal."""
    return _with_nulls(_build_raw("=", call), call, equal=True)


@declare_function("!=(left: any, right: any): bool", hidden=True)
def different(call: Arguments) -> exp.Expr:
    """Tell whether two values differ."""
    return _with_nulls(_build_raw("<>", call), call, equal=False)


def _with_nulls(node: exp.Expr, call: Arguments, *, equal: bool) -> exp.Expr:
    nullable = [item.nullable for item in call.bound]
    if not any(nullable):
        return node
    one_null = nodes.build_boolean(not equal)
    if all(nullable):
        both = nodes.build_binary("and", nodes.is_null(call[0]), nodes.is_null(call[1]))
        return nodes.build_coalesce(node, nodes.build_case((nodes.build_not(both), one_null)))
    return nodes.build_coalesce(node, one_null)


@declare_function("<(left: any, right: any): bool", hidden=True)
def less(call: Arguments) -> exp.Expr:
    """Tell whether the left value is less."""
    return _build_raw("<", call)


@declare_function("<=(left: any, right: any): bool", hidden=True)
def at_most(call: Arguments) -> exp.Expr:
    """Tell whether the left value is less or equal."""
    return _build_raw("<=", call)


@declare_function(">(left: any, right: any): bool", hidden=True)
def greater(call: Arguments) -> exp.Expr:
    """Tell whether the left value is greater."""
    return _build_raw(">", call)


@declare_function(">=(left: any, right: any): bool", hidden=True)
def at_least(call: Arguments) -> exp.Expr:
    """Tell whether the left value is greater or equal."""
    return _build_raw(">=", call)
