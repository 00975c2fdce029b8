"""Choices between values, and tests for null and empty ones."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.tostring import get_text_argument
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


@declare_function("iff(condition: bool, then: T, otherwise: T): T", aliases=("iif",), nullable=False)
def iff(call: Arguments) -> exp.Expr:
    """Give one of two values by a condition; null counts as false."""
    return nodes.build_case((call[0], call[1]), otherwise=call[2])


@declare_function("case(condition: bool, then: T, ...2, otherwise: T): T", nullable=False)
def case(call: Arguments) -> exp.Expr:
    """Give the value after the first condition that is true, else the last value."""
    pairs = [(call[place], call[place + 1]) for place in range(0, len(call) - 1, 2)]
    return nodes.build_case(*pairs, otherwise=call[len(call) - 1])


@declare_function("coalesce(value: T, ...): T")
def coalesce(call: Arguments) -> exp.Expr:
    """Give the first value that is not null; of texts the first that is not empty."""
    if call.type != KqlType.STRING:
        return nodes.build_coalesce(*call)
    tested = [nodes.build_call("nullif", item, nodes.build_text("")) for item in call]
    return nodes.build_coalesce(*tested, nodes.build_text(""))


def _write_extreme(call: Arguments, name: str) -> exp.Expr:
    found = nodes.build_call(name, *call)
    if call.type != KqlType.REAL or name == "greatest":
        return found
    undefined = nodes.build_call("isnan", nodes.build_call("greatest", *call))
    return nodes.build_case((undefined, nodes.build_cast(nodes.build_text("NaN"), "DOUBLE")), otherwise=found)


@declare_function("max_of(value: T, ...): T")
def max_of(call: Arguments) -> exp.Expr:
    """Give the largest of the values that are not null."""
    return _write_extreme(call, "greatest")


@declare_function("min_of(value: T, ...): T")
def min_of(call: Arguments) -> exp.Expr:
    """Give the smallest of the values that are not null."""
    return _write_extreme(call, "least")


@declare_function("isnull(value: any): bool", nullable=False)
def isnull(call: Arguments) -> exp.Expr:
    """Tell whether a value is null; text never is."""
    if call.types[0] == KqlType.STRING:
        return nodes.build_boolean(value=False)
    return nodes.is_null(call[0])


@declare_function("isnotnull(value: any): bool", aliases=("notnull",), nullable=False)
def isnotnull(call: Arguments) -> exp.Expr:
    """Tell whether a value is not null; text never is."""
    if call.types[0] == KqlType.STRING:
        return nodes.build_boolean(value=True)
    return nodes.is_not_null(call[0])


def _build_empty(call: Arguments) -> exp.Expr:
    if call.types[0] in (KqlType.STRING, KqlType.DYNAMIC):
        return nodes.build_binary("=", get_text_argument(call, 0), nodes.build_text(""))
    return nodes.is_null(call[0])


@declare_function("isempty(value: any): bool", nullable=False)
def isempty(call: Arguments) -> exp.Expr:
    """Tell whether a value is null or the empty text."""
    return _build_empty(call)


@declare_function("isnotempty(value: any): bool", aliases=("notempty",), nullable=False)
def isnotempty(call: Arguments) -> exp.Expr:
    """Tell whether a value is neither null nor the empty text."""
    return nodes.build_not(_build_empty(call))


@declare_function("assert(condition: bool, message: const string): bool")
def assert_(call: Arguments) -> exp.Expr:
    """Require a condition: a constant that is false is an error of the query."""
    if call.is_constant(0) and call.get_value(0) is not True:
        raise call.make_error(0, call.get_text(1))
    return call[0]
