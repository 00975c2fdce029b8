"""Constants: making them, and computing with those that a query's text already decides."""

from __future__ import annotations

import operator
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nephoscope_kql.errors import NOWHERE, Span
from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.types import MAX_DATETIME_TICKS, KqlType

if TYPE_CHECKING:
    from nephoscope_kql.tree import Scalar

_LEAST, _MOST = -(2**63), 2**63 - 1


def make_constant(value: Scalar, kind: KqlType, span: Span = NOWHERE) -> Constant:
    """A constant of a type."""
    return Constant(type=kind, value=value, span=span)


def make_text(value: str, span: Span = NOWHERE) -> Constant:
    """A constant string."""
    return make_constant(value, KqlType.STRING, span)


def make_long_constant(value: int, span: Span = NOWHERE) -> Constant:
    """A constant long."""
    return make_constant(value, KqlType.LONG, span)


def make_null(kind: KqlType, span: Span = NOWHERE) -> Constant:
    """The null of a type; '' for strings."""
    return make_constant("" if kind == KqlType.STRING else None, kind, span)


def negate_constant(value: Bound, span: Span) -> Bound | None:
    """`-value` of a constant number or timespan; None where it is not one."""
    if not isinstance(value, Constant) or isinstance(value.value, bool):
        return None
    if isinstance(value.value, int | float | Decimal) and value.type not in (KqlType.BOOL, KqlType.DATETIME):
        return make_constant(-value.value, value.type, span)
    return None


def fold_arithmetic(sign: str, left: Bound, right: Bound, kind: KqlType, span: Span) -> Bound | None:
    """`left sign right` of two constant integers, timespans or datetimes, of type `kind`; None where it must stay."""
    if not isinstance(left, Constant) or not isinstance(right, Constant):
        return None
    one, two = left.value, right.value
    if (
        type(one) is not int
        or type(two) is not int
        or kind not in (KqlType.LONG, KqlType.TIMESPAN, KqlType.DATETIME)
    ):
        return None
    result = {"+": one + two, "-": one - two, "*": one * two}.get(sign)
    if result is None or not _LEAST <= result <= _MOST:
        return None
    if kind == KqlType.DATETIME and not 0 <= result <= MAX_DATETIME_TICKS:
        return make_null(kind, span)
    return make_constant(result, kind, span)


_DECIDED: dict[str, Callable[[Any, Any], object]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda one, two: one and two,
    "or": lambda one, two: one or two,
}


def evaluate_condition(value: Bound) -> bool | None:
    """Return whether a condition of constants holds (null is false); None where a constant part is more than a comparison."""
    found = _evaluate_part(value)
    return found if isinstance(found, bool) else None


def _evaluate_part(value: Bound) -> object:
    """A constant's value, what a comparison of such gives; `value` itself where it is not known yet."""
    if isinstance(value, Constant):
        return value.value
    if not isinstance(value, BoundCall):
        return value
    parts = [_evaluate_part(argument) for argument in value.arguments]
    if any(isinstance(part, Bound) for part in parts):
        return value
    if value.function.name == "not":
        return not parts[0]
    body = _DECIDED.get(value.function.name)
    if body is None:
        return value
    return False if None in parts else body(parts[0], parts[1])


def widen_constant(value: Constant, kind: KqlType) -> Constant | None:
    """A constant number as a wider number type; None where it cannot be told here."""
    if value.value is None:
        return make_constant(None, kind, value.span)
    if isinstance(value.value, bool) or not isinstance(value.value, int | float | Decimal):
        return None
    if kind == KqlType.REAL:
        return make_constant(float(value.value), kind, value.span)
    if kind == KqlType.LONG and isinstance(value.value, int):
        return make_constant(value.value, kind, value.span)
    return None


def make_element_constant(value: Scalar, span: Span) -> Constant:
    """An element of a dynamic constant as a constant of its own type."""
    kinds = {str: KqlType.STRING, bool: KqlType.BOOL, int: KqlType.LONG, float: KqlType.REAL}
    return make_constant(value, kinds.get(type(value), KqlType.DYNAMIC), span)
