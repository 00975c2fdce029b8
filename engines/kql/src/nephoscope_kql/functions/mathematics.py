"""Mathematics: rounding, powers, logarithms and angles. Nothing raises: NaN or null instead."""

from __future__ import annotations

import math

from sqlglot import exp

from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_scalar_macro
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType

_NAN = "CAST('NaN' AS DOUBLE)"
_NEGATIVE_INFINITY = "CAST('-Infinity' AS DOUBLE)"


def _declare_real(name: str, summary: str, body: str, *aliases: str) -> ScalarFunction:
    return declare_scalar_macro(
        __name__,
        f"{name}(number: real): real",
        summary=summary,
        routine=declare_macro(f"kql_{name}(x)", body),
        aliases=aliases,
        nullable=False,
    )


def _guard_finite(call: str) -> str:
    return f"CASE WHEN isfinite(x) THEN {call} WHEN x IS NULL THEN NULL ELSE {_NAN} END"


def _format_logarithm(call: str) -> str:
    return f"CASE WHEN x > 0 THEN {call} WHEN x = 0 THEN {_NEGATIVE_INFINITY} WHEN x IS NULL THEN NULL ELSE {_NAN} END"


exponential = _declare_real("exp", "Give e to the power of a number.", "exp(x)")
exponential2 = _declare_real("exp2", "Give 2 to the power of a number.", "pow(2, x)")
exponential10 = _declare_real("exp10", "Give 10 to the power of a number.", "pow(10, x)")
logarithm = _declare_real("log", "Give the natural logarithm.", _format_logarithm("ln(x)"))
logarithm2 = _declare_real("log2", "Give the logarithm of base 2.", _format_logarithm("log2(x)"))
logarithm10 = _declare_real("log10", "Give the logarithm of base 10.", _format_logarithm("log10(x)"))
root = _declare_real(
    "sqrt", "Give the square root.", f"CASE WHEN x >= 0 THEN sqrt(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END"
)
sine = _declare_real("sin", "Give the sine.", _guard_finite("sin(x)"))
cosine = _declare_real("cos", "Give the cosine.", _guard_finite("cos(x)"))
tangent = _declare_real("tan", "Give the tangent.", _guard_finite("tan(x)"))
cotangent = _declare_real("cot", "Give the cotangent.", _guard_finite("1 / tan(x)"))
arcsine = _declare_real(
    "asin",
    "Give the arc sine.",
    f"CASE WHEN x BETWEEN -1 AND 1 THEN asin(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END",
)
arccosine = _declare_real(
    "acos",
    "Give the arc cosine.",
    f"CASE WHEN x BETWEEN -1 AND 1 THEN acos(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END",
)
arctangent = _declare_real("atan", "Give the arc tangent.", "atan(x)")
degrees = _declare_real("degrees", "Convert radians to degrees.", "x * 57.29577951308232")
radians = _declare_real("radians", "Convert degrees to radians.", f"x * {math.pi / 180!r}")
sign = _declare_real(
    "sign",
    "Give -1, 0 or 1.",
    "CASE WHEN x IS NULL THEN NULL WHEN isnan(x) THEN 0.0 ELSE CAST(sign(x) AS DOUBLE) END",
)
isnan = declare_scalar_macro(
    __name__,
    "isnan(number: real): bool",
    summary="Tell whether a real is no number.",
    body="coalesce(isnan(number), FALSE)",
)
isinf = declare_scalar_macro(
    __name__,
    "isinf(number: real): bool",
    summary="Tell whether a real is infinite.",
    body="coalesce(isinf(number), FALSE)",
)
isfinite = declare_scalar_macro(
    __name__,
    "isfinite(number: real): bool",
    summary="Tell whether a real is finite.",
    body="coalesce(isfinite(number), FALSE)",
)
power = declare_scalar_macro(
    __name__,
    "pow(base: real, exponent: real): real",
    summary="Give a number to the power of another.",
    routine=declare_macro("kql_pow(a, b)", "pow(a, b)"),
    nullable=False,
)
arctangent2 = declare_scalar_macro(
    __name__,
    "atan2(y: real, x: real): real",
    summary="Give the angle of a point.",
    routine=declare_macro("kql_atan2(a, b)", "atan2(a, b)"),
    nullable=False,
)


@declare_function("pi(): real", nullable=False)
def pi(_call: Arguments) -> exp.Expr:
    """Give pi."""
    return nodes.build_call("pi")


_ABS_LONG = declare_macro(
    "kql_abs(x)", "CASE WHEN x >= 0 THEN x WHEN x = CAST('-9223372036854775808' AS BIGINT) THEN x ELSE -x END"
)


@declare_function("abs(number: long): long", "abs(number: real|decimal|timespan): first", nullable=False)
def absolute(call: Arguments) -> exp.Expr:
    """Give the value without its sign."""
    if call.types[0] in (KqlType.REAL, KqlType.DECIMAL):
        return nodes.build_call("abs", call[0])
    return apply_routine(call, _ABS_LONG, call[0])


@declare_function("ceiling(number: real): real", "ceiling(number: decimal): decimal")
def ceiling(call: Arguments) -> exp.Expr:
    """Give the smallest whole number that is not below a number."""
    return _restore_scale(nodes.build_call("ceil", call[0]), call)


def _restore_scale(found: exp.Expr, call: Arguments) -> exp.Expr:
    """A decimal has its places again, and is null where it has too many digits before the point."""
    return nodes.try_cast(found, call.type.physical) if call.type == KqlType.DECIMAL else found


@declare_function(
    "round(number: real, [digits: const long]): real",
    "round(number: decimal, [digits: const long]): decimal",
)
def build_round(call: Arguments) -> exp.Expr:
    """Round to so many digits after the point, halves away from zero."""
    digits = call.get_value(1) if len(call) > 1 else 0
    if not isinstance(digits, int) or abs(digits) > 300:
        raise call.make_error(1, "the digits are a number from -300 to 300")
    return _restore_scale(nodes.build_call("round", call[0], nodes.build_number(digits)), call)


@declare_function("rand([limit: long]): real", nullable=False)
def rand(call: Arguments) -> exp.Expr:
    """Give a random real in [0, 1), or a random whole number below a limit."""
    if not len(call):
        return nodes.build_call("random")
    return nodes.build_call("floor", nodes.build_binary("*", nodes.build_call("random"), call[0]))


@declare_function("new_guid(): guid", nullable=False)
def new_guid(_call: Arguments) -> exp.Expr:
    """Give a new random guid."""
    return nodes.build_cast(nodes.build_call("uuid"), "VARCHAR")
