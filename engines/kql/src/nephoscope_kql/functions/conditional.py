"""Choices between values, and tests for null and empty ones."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.tostring import text_argument
from nephoscope_kql.plan.function_signatures import Arguments, function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType


@function("iff(condition: bool, then: T, otherwise: T): T", aliases=("iif",), nullable=False)
def iff(call: Arguments) -> exp.Expr:
    """Give one of two values by a condition; null counts as false."""
    return nodes.case((call[0], call[1]), otherwise=call[2])


@function("case(condition: bool, then: T, ...2, otherwise: T): T", nullable=False)
def case(call: Arguments) -> exp.Expr:
    """Give the value after the first condition that is true, else the last value."""
    pairs = [(call[place], call[place + 1]) for place in range(0, len(call) - 1, 2)]
    return nodes.case(*pairs, otherwise=call[len(call) - 1])


@function("coalesce(value: T, ...): T")
def coalesce(call: Arguments) -> exp.Expr:
    """Give the first value that is not null; of texts the first that is not empty."""
    if call.type != KqlType.STRING:
        return nodes.coalesce(*call)
    tested = [nodes.call("nullif", item, nodes.text("")) for item in call]
    return nodes.coalesce(*tested, nodes.text(""))


def _write_extreme(call: Arguments, name: str) -> exp.Expr:
    found = nodes.call(name, *call)
    if call.type != KqlType.REAL or name == "greatest":
        return found
    undefined = nodes.call("isnan", nodes.call("greatest", *call))
    return nodes.case((undefined, nodes.cast(nodes.text("NaN"), "DOUBLE")), otherwise=found)


@function("max_of(value: T, ...): T")
def max_of(call: Arguments) -> exp.Expr:
    """Give the largest of the values that are not null."""
    return _write_extreme(call, "greatest")


@function("min_of(value: T, ...): T")
def min_of(call: Arguments) -> exp.Expr:
    """Give the smallest of the values that are not null."""
    return _write_extreme(call, "least")


@function("isnull(value: any): bool", nullable=False)
def isnull(call: Arguments) -> exp.Expr:
    """Tell whether a value is null; text never is."""
    if call.types[0] == KqlType.STRING:
        return nodes.boolean(value=False)
    return nodes.is_null(call[0])


@function("isnotnull(value: any): bool", aliases=("notnull",), nullable=False)
def isnotnull(call: Arguments) -> exp.Expr:
    """Tell whether a value is not null; text never is."""
    if call.types[0] == KqlType.STRING:
        return nodes.boolean(value=True)
    return nodes.is_not_null(call[0])


def _build_empty(call: Arguments) -> exp.Expr:
    if call.types[0] in (KqlType.STRING, KqlType.DYNAMIC):
        return nodes.binary("=", text_argument(call, 0), nodes.text(""))
    return nodes.is_null(call[0])


@function("isempty(value: any): bool", nullable=False)
def isempty(call: Arguments) -> exp.Expr:
    """Tell whether a value is null or the empty text."""
    return _build_empty(call)


@function("isnotempty(value: any): bool", aliases=("notempty",), nullable=False)
def isnotempty(call: Arguments) -> exp.Expr:
    """Tell whether a value is neither null nor the empty text."""
    return nodes.not_(_build_empty(call))


@function("assert(condition: bool, message: const string): bool")
def assert_(call: Arguments) -> exp.Expr:
    """Require a condition: a constant that is false is an error of the query."""
    if call.is_constant(0) and call.get_value(0) is not True:
        raise call.make_error(0, call.get_text(1))
    return call[0]
