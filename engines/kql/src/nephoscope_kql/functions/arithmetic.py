"""The arithmetic operators: long wraps around, a division by zero of integers is null, times stay within ticks; nothing raises."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal

from sqlglot import exp

from nephoscope_kql.functions.declaration import declare_macro, declare_rowwise
from nephoscope_kql.plan.expressions import BoundCall
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import ArrowFunction
from nephoscope_kql.types import MAX_DATETIME_TICKS, KqlType

_HALF, _WHOLE = str(2**63), str(2**64)
WRAP = declare_macro(
    "kql_wrap(x)",
    f"CAST(((x + {_HALF}) % {_WHOLE} + {_WHOLE}) % {_WHOLE} - {_HALF} AS BIGINT)",
)
WRAP_INT = declare_macro(
    "kql_wrap_int(x)",
    "CAST(((x + 2147483648) % 4294967296 + 4294967296) % 4294967296 - 2147483648 AS INTEGER)",
)
_WIDE = "CAST(a AS HUGEINT) {} b"
_OPERATIONS = {
    sign: declare_macro(
        f"kql_{name}(a, b)", f"coalesce(try(a {sign} b), kql_wrap({_WIDE.format(sign)}))", WRAP
    )
    for sign, name in (("+", "add"), ("-", "subtract"), ("*", "multiply"))
}
DIVIDE = declare_macro(
    "kql_divide(a, b)", "CASE WHEN b = -1 THEN kql_wrap(-CAST(a AS HUGEINT)) ELSE a // nullif(b, 0) END", WRAP
)
MODULO = declare_macro(
    "kql_modulo(a, b)",
    "CASE WHEN b = -1 THEN a * 0 ELSE CAST((CAST(a AS HUGEINT) % nullif(b, 0) + abs(CAST(b AS HUGEINT))) % "
    "abs(CAST(nullif(b, 0) AS HUGEINT)) AS BIGINT) END",
)
"""Kusto's remainder is never negative."""
REMAINDER = declare_macro("kql_remainder(a, b)", "CASE WHEN a % b < 0 THEN a % b + abs(b) ELSE a % b END")
DATE = declare_macro("kql_date(x)", f"CASE WHEN x BETWEEN 0 AND {MAX_DATETIME_TICKS} THEN x END")
_SCALED = declare_macro("kql_scaled_span(x)", "TRY_CAST(trunc(x) AS BIGINT)")
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
_PLACE, _TOO_LARGE = Decimal("1E-17"), Decimal(10) ** 21


def _round_decimal(value: Decimal) -> Decimal | None:
    """A decimal of 17 places; None where it has more than 21 digits before the point."""
    kept = value.quantize(_PLACE, context=_EXACT)
    return kept if abs(kept) < _TOO_LARGE else None


def _make_exact(
    name: str, compute: Callable[[Decimal, Decimal], Decimal], divides: bool = False
) -> ArrowFunction:
    kind = KqlType.DECIMAL.physical

    def compute_value(one: Decimal, other: Decimal) -> Decimal | None:
        return None if divides and not other else _round_decimal(compute(one, other))

    return declare_rowwise(name, (kind, kind), kind, compute_value)


DECIMAL_PRODUCT = _make_exact("kql_decimal_product", _EXACT.multiply)
DECIMAL_QUOTIENT = _make_exact("kql_decimal_quotient", _EXACT.divide, divides=True)
REAL_DECIMAL = declare_macro("kql_real_decimal(x)", "TRY_CAST(CAST(x AS VARCHAR) AS DECIMAL(38,17))")
"""The shortest digits that give the real, as its text has them: not its binary value to the last of 17 places."""
_DECIMALS = {
    "*": DECIMAL_PRODUCT,
    "/": DECIMAL_QUOTIENT,
    "%": _make_exact("kql_decimal_remainder", _EXACT.remainder, divides=True),
}
"""SQL's decimals of this width cannot be multiplied, and are divided as doubles."""


def _build_number(operator: str, call: Arguments) -> exp.Expr:
    kind = call.type
    if kind == KqlType.REAL:
        return (
            nodes.build_call(call.use(REMAINDER), *call)
            if operator == "%"
            else nodes.build_binary(operator, *call)
        )
    if kind == KqlType.DECIMAL:
        return _build_decimal(operator, call)
    return _build_integer(operator, call)


def _build_integer(operator: str, call: Arguments) -> exp.Expr:
    left, right = call[0], call[1]
    if operator in "/%":
        return nodes.build_call(call.use(DIVIDE if operator == "/" else MODULO), left, right)
    if all(map(_has_32_bits, call.bound)):
        return nodes.build_binary(operator, left, right)
    return nodes.without_subqueries(nodes.build_call(call.use(_OPERATIONS[operator]), left, right))


def _has_32_bits(value: Bound) -> bool:
    """Return whether a long has 32 bits: it was an int, or is a constant that could be one; two such do not leave 64 bits."""
    if isinstance(value, Constant):
        return isinstance(value.value, int) and abs(value.value) < 2**31
    return (
        isinstance(value, BoundCall)
        and value.function.name == "tolong"
        and value.arguments[0].type == KqlType.INT
    )


def _build_decimal(operator: str, call: Arguments) -> exp.Expr:
    left, right = (
        nodes.build_call(call.use(REAL_DECIMAL), item)
        if kind == KqlType.REAL
        else nodes.try_cast(item, KqlType.DECIMAL.physical)
        for item, kind in zip(call, call.types, strict=True)
    )
    if operator in "+-":
        return nodes.build_try(
            nodes.build_cast(nodes.build_binary(operator, left, right), KqlType.DECIMAL.physical)
        )
    return nodes.build_call(call.use(_DECIMALS[operator]), left, right)


def _build_times(operator: str, call: Arguments) -> exp.Expr:
    """One side is a datetime or a timespan."""
    left, right = call[0], call[1]
    if operator in "+-":
        result = nodes.build_try(nodes.build_binary(operator, left, right))
        return nodes.build_call(call.use(DATE), result) if call.type == KqlType.DATETIME else result
    if call.type == KqlType.REAL:
        return nodes.build_binary("/", nodes.build_cast(left, "DOUBLE"), nodes.build_cast(right, "DOUBLE"))
    if operator == "%":
        return nodes.build_call(call.use(MODULO), left, right)
    scaled = nodes.build_binary(operator, nodes.build_cast(left, "DOUBLE"), nodes.build_cast(right, "DOUBLE"))
    if operator == "*" and all(not item.is_numeric or item.is_integer for item in call.types):
        return nodes.build_try(nodes.build_binary("*", left, right))
    return nodes.build_call(call.use(_SCALED), scaled)


_SIGNS = frozenset("+-*/%")
_REPEATED = (KqlType.LONG, KqlType.DATETIME)
"""Types of results whose SQL names its arguments several times."""


def _is_deeply_nested(value: Bound, levels: int = 3) -> bool:
    """Return whether arithmetic is nested so deep in a value that naming it several times would multiply it."""
    if not isinstance(value, BoundCall) or value.function.name not in _SIGNS:
        return False
    return levels == 0 or any(_is_deeply_nested(argument, levels - 1) for argument in value.arguments)


def _build_long_sum(operator: str, call: Arguments) -> exp.Expr:
    """A long sum of integers: computed in twice their bits, which it cannot leave, and wrapped around once."""
    left, wrap = call[0], call.use(WRAP)
    inner = left.expressions[0] if isinstance(left, exp.Anonymous) and left.name == wrap else None
    return nodes.build_call(
        wrap, nodes.build_binary(operator, inner or nodes.build_cast(left, "HUGEINT"), call[1])
    )


def _compute_operands_once(operator: str, call: Arguments) -> exp.Expr:
    """An operation whose arguments are computed before it."""

    def body(left: exp.Expr, right: exp.Expr) -> exp.Expr:
        return _write_operation(
            operator, Arguments([left, right], call.bound, call.type, call.span, call.use)
        )

    return nodes.compute_once([call[0], call[1]], body)


def _build_arithmetic(operator: str, call: Arguments) -> exp.Expr:
    summed = operator in "+-" and call.type == KqlType.LONG
    if summed and _is_deeply_nested(call.bound[0]) and not _is_deeply_nested(call.bound[1]):
        return _build_long_sum(operator, call)
    repeated = operator in "/%" or call.type in _REPEATED
    return (
        _compute_operands_once(operator, call)
        if repeated and any(map(_is_deeply_nested, call.bound))
        else _write_operation(operator, call)
    )


def _write_operation(operator: str, call: Arguments) -> exp.Expr:
    return (
        _build_number(operator, call)
        if all(item.is_numeric for item in call.types)
        else _build_times(operator, call)
    )


@declare_function("+(left: any, right: any): first", hidden=True)
def add(call: Arguments) -> exp.Expr:
    """Add numbers, timespans, or a timespan to a datetime."""
    return _build_arithmetic("+", call)


@declare_function("-(left: any, right: any): first", hidden=True)
def subtract(call: Arguments) -> exp.Expr:
    """Subtract numbers, timespans, datetimes."""
    return _build_arithmetic("-", call)


@declare_function("*(left: any, right: any): first", hidden=True)
def multiply(call: Arguments) -> exp.Expr:
    """Multiply numbers, or a timespan by a number."""
    return _build_arithmetic("*", call)


@declare_function("/(left: any, right: any): first", hidden=True)
def divide(call: Arguments) -> exp.Expr:
    """Divide; integers give an integer, timespans a real."""
    return _build_arithmetic("/", call)


@declare_function("%(left: any, right: any): first", hidden=True)
def modulo(call: Arguments) -> exp.Expr:
    """Give the remainder."""
    return _build_arithmetic("%", call)


@declare_function("_negate(value: any): first", hidden=True)
def negate(call: Arguments) -> exp.Expr:
    """Change the sign."""
    if call.type in (KqlType.REAL, KqlType.DECIMAL):
        return exp.Neg(this=nodes.wrap_in_parentheses(call[0]))
    return nodes.build_call(
        call.use(_OPERATIONS["-"]), nodes.build_cast(nodes.build_number(0), "BIGINT"), call[0]
    )
