"""Mathematics: rounding, powers, logarithms, angles, bins, bits, the beta and error functions. Nothing raises: NaN or null instead."""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlglot import exp

from nephoscope_kql.functions.arithmetic import DECIMAL_PRODUCT, DECIMAL_QUOTIENT
from nephoscope_kql.functions.dates import WITHIN
from nephoscope_kql.functions.declare import apply, each, macro, scalar
from nephoscope_kql.plan.callee import Arguments, Function, function
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import build
from nephoscope_kql.sql.routine import ArrowFunction
from nephoscope_kql.types import KqlType, promoted

_NAN = "CAST('NaN' AS DOUBLE)"
_NEGATIVE_INFINITY = "CAST('-Infinity' AS DOUBLE)"


def _real(name: str, summary: str, body: str, *aliases: str) -> Function:
    return scalar(
        __name__,
        f"{name}(number: real): real",
        summary=summary,
        routine=macro(f"kql_{name}(x)", body),
        aliases=aliases,
        nullable=False,
    )


def _guarded(call: str) -> str:
    return f"CASE WHEN isfinite(x) THEN {call} WHEN x IS NULL THEN NULL ELSE {_NAN} END"


def _logarithm(call: str) -> str:
    return f"CASE WHEN x > 0 THEN {call} WHEN x = 0 THEN {_NEGATIVE_INFINITY} WHEN x IS NULL THEN NULL ELSE {_NAN} END"


exponential = _real("exp", "Give e to the power of a number.", "exp(x)")
exponential2 = _real("exp2", "Give 2 to the power of a number.", "pow(2, x)")
exponential10 = _real("exp10", "Give 10 to the power of a number.", "pow(10, x)")
logarithm = _real("log", "Give the natural logarithm.", _logarithm("ln(x)"))
logarithm2 = _real("log2", "Give the logarithm of base 2.", _logarithm("log2(x)"))
logarithm10 = _real("log10", "Give the logarithm of base 10.", _logarithm("log10(x)"))
root = _real(
    "sqrt", "Give the square root.", f"CASE WHEN x >= 0 THEN sqrt(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END"
)
sine = _real("sin", "Give the sine.", _guarded("sin(x)"))
cosine = _real("cos", "Give the cosine.", _guarded("cos(x)"))
tangent = _real("tan", "Give the tangent.", _guarded("tan(x)"))
cotangent = _real("cot", "Give the cotangent.", _guarded("1 / tan(x)"))
arcsine = _real(
    "asin",
    "Give the arc sine.",
    f"CASE WHEN x BETWEEN -1 AND 1 THEN asin(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END",
)
arccosine = _real(
    "acos",
    "Give the arc cosine.",
    f"CASE WHEN x BETWEEN -1 AND 1 THEN acos(x) WHEN x IS NULL THEN NULL ELSE {_NAN} END",
)
arctangent = _real("atan", "Give the arc tangent.", "atan(x)")
degrees = _real("degrees", "Convert radians to degrees.", "x * 57.29577951308232")
radians = _real("radians", "Convert degrees to radians.", f"x * {math.pi / 180!r}")
sign = _real(
    "sign",
    "Give -1, 0 or 1.",
    "CASE WHEN x IS NULL THEN NULL WHEN isnan(x) THEN 0.0 ELSE CAST(sign(x) AS DOUBLE) END",
)
isnan = scalar(
    __name__,
    "isnan(number: real): bool",
    summary="Tell whether a real is no number.",
    body="coalesce(isnan(number), FALSE)",
)
isinf = scalar(
    __name__,
    "isinf(number: real): bool",
    summary="Tell whether a real is infinite.",
    body="coalesce(isinf(number), FALSE)",
)
isfinite = scalar(
    __name__,
    "isfinite(number: real): bool",
    summary="Tell whether a real is finite.",
    body="coalesce(isfinite(number), FALSE)",
)
power = scalar(
    __name__,
    "pow(base: real, exponent: real): real",
    summary="Give a number to the power of another.",
    routine=macro("kql_pow(a, b)", "pow(a, b)"),
    nullable=False,
)
arctangent2 = scalar(
    __name__,
    "atan2(y: real, x: real): real",
    summary="Give the angle of a point.",
    routine=macro("kql_atan2(a, b)", "atan2(a, b)"),
    nullable=False,
)


@function("pi(): real", nullable=False)
def pi(_call: Arguments) -> exp.Expr:
    """Give pi."""
    return build.call("pi")


_ABS_LONG = macro(
    "kql_abs(x)", "CASE WHEN x >= 0 THEN x WHEN x = CAST('-9223372036854775808' AS BIGINT) THEN x ELSE -x END"
)


@function("abs(number: long): long", "abs(number: real|decimal|timespan): first", nullable=False)
def absolute(call: Arguments) -> exp.Expr:
    """Give the value without its sign."""
    if call.types[0] in (KqlType.REAL, KqlType.DECIMAL):
        return build.call("abs", call[0])
    return apply(call, _ABS_LONG, call[0])


@function("ceiling(number: real): real", "ceiling(number: decimal): decimal")
def ceiling(call: Arguments) -> exp.Expr:
    """Give the smallest whole number that is not below a number."""
    return _exactly(build.call("ceil", call[0]), call)


def _exactly(found: exp.Expr, call: Arguments) -> exp.Expr:
    """A decimal has its places again, and is null where it has too many digits before the point."""
    return build.try_cast(found, call.type.physical) if call.type == KqlType.DECIMAL else found


@function(
    "round(number: real, [digits: const long]): real",
    "round(number: decimal, [digits: const long]): decimal",
)
def rounded(call: Arguments) -> exp.Expr:
    """Round to so many digits after the point, halves away from zero."""
    digits = call.value(1) if len(call) > 1 else 0
    if not isinstance(digits, int) or abs(digits) > 300:
        raise call.fail(1, "the digits are a number from -300 to 300")
    return _exactly(build.call("round", call[0], build.number(digits)), call)


@function("rand([limit: long]): real", nullable=False)
def rand(call: Arguments) -> exp.Expr:
    """Give a random real in [0, 1), or a random whole number below a limit."""
    if not len(call):
        return build.call("random")
    return build.call("floor", build.binary("*", build.call("random"), call[0]))


@function("new_guid(): guid", nullable=False)
def new_guid(_call: Arguments) -> exp.Expr:
    """Give a new random guid."""
    return build.cast(build.call("uuid"), "VARCHAR")


_BIN_LONG = macro(
    "kql_bin(x, n)",
    "CASE WHEN n <> 0 THEN TRY_CAST(CAST(x AS HUGEINT) - ((CAST(x AS HUGEINT) % n) + n) % n AS BIGINT) END",
)
_BIN_REAL = macro("kql_bin_real(x, n)", "CASE WHEN n <> 0 THEN floor(x / n) * n END")
_BIN_DECIMAL = macro(
    "kql_bin_decimal(x, n)",
    "kql_decimal_product(CAST(floor(kql_decimal_quotient(x, n)) AS DECIMAL(38,17)), n)",
    DECIMAL_PRODUCT,
    DECIMAL_QUOTIENT,
)
_BIN_DATE = macro("kql_bin_date(x, n)", "CASE WHEN n > 0 THEN x - x % n END")


def binned(call: Arguments, value: exp.Expr, size: exp.Expr, kind: KqlType) -> exp.Expr:
    """The largest multiple of a size that is not above a value; null where the size is 0."""
    if kind == KqlType.REAL:
        return apply(call, _BIN_REAL, value, size)
    if kind == KqlType.DECIMAL:
        return apply(call, _BIN_DECIMAL, value, size)
    if kind == KqlType.DATETIME:
        return apply(call, _BIN_DATE, value, size)
    return apply(call, _BIN_LONG, value, size)


def _measured(call: Arguments, count: int) -> None:
    """The first arguments are numbers or times."""
    for place, kind in enumerate(call.types[:count]):
        if not kind.numeric and kind not in (KqlType.DATETIME, KqlType.TIMESPAN):
            raise call.fail(place, f"a number, a datetime or a timespan is wanted, not {kind}")


def _binned_type(arguments: tuple[Bound, ...]) -> KqlType:
    """The bins of ints are longs, as Kusto has them."""
    return promoted(arguments[0].type)


@function(
    "bin(value: T, size: T): T",
    "bin(value: datetime, size: timespan|datetime): datetime",
    "bin(value: timespan, size: timespan): timespan",
    aliases=("floor",),
    returns=_binned_type,
)
def bin_(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from 0 or from the year 1."""
    _measured(call, 2)
    return binned(call, call[0], call[1], call.type)


_BIN_AT = macro(
    "kql_bin_at(x, n, f)",
    "CASE WHEN n > 0 THEN CAST(x AS HUGEINT) - (((CAST(x AS HUGEINT) - f) % n) + n) % n END",
)
_BIN_AT_REAL = macro("kql_bin_at_real(x, n, f)", "CASE WHEN n <> 0 THEN floor((x - f) / n) * n + f END")


@function(
    "bin_at(value: T, size: T, fixed: T): T",
    "bin_at(value: datetime, size: timespan, fixed: datetime): datetime",
    "bin_at(value: timespan, size: timespan, fixed: timespan): timespan",
    returns=_binned_type,
)
def bin_at(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from a fixed point."""
    _measured(call, 3)
    if call.type in (KqlType.REAL, KqlType.DECIMAL):
        return apply(call, _BIN_AT_REAL, *call)
    found = apply(call, _BIN_AT, *call)
    return (
        apply(call, WITHIN, found)
        if call.type == KqlType.DATETIME
        else build.try_cast(found, call.type.physical)
    )


@function("around(value: T, center: T, delta: any): bool", nullable=False)
def around(call: Arguments) -> exp.Expr:
    """Tell whether a value is not further from another than a distance."""
    _measured(call, 2)
    timed = call.types[0] in (KqlType.DATETIME, KqlType.TIMESPAN)
    if (call.types[2] != KqlType.TIMESPAN) if timed else not call.types[2].numeric:
        raise call.fail(2, f"a distance of {call.types[0]}s is wanted")
    distance = build.call("abs", build.binary("-", *_wide(call)))
    return build.binary("<=", distance, call[2])


def _wide(call: Arguments) -> tuple[exp.Expr, exp.Expr]:
    if call.types[0] == KqlType.REAL:
        return call[0], call[1]
    return build.cast(call[0], "HUGEINT"), build.cast(call[1], "HUGEINT")


def _bits(name: str, summary: str, body: str) -> Function:
    return scalar(
        __name__,
        f"{name}(a: long, b: long): long",
        summary=summary,
        routine=macro(f"kql_{name}(a, b)", body),
        nullable=False,
    )


binary_and = _bits("binary_and", "Give the bits that are set in both.", "a & b")
binary_or = _bits("binary_or", "Give the bits that are set in either.", "a | b")
binary_xor = _bits("binary_xor", "Give the bits that are set in one of both.", "xor(a, b)")
_UNSIGNED = "(CAST(a AS HUGEINT) + CASE WHEN a < 0 THEN 18446744073709551616 ELSE 0 END)"
_SIGNED = "CAST(CASE WHEN {0} >= 9223372036854775808 THEN {0} - 18446744073709551616 ELSE {0} END AS BIGINT)"
_LEFT = f"((({_UNSIGNED} % CAST(pow(2, 64 - (b & 63)) AS HUGEINT))) * CAST(pow(2, b & 63) AS HUGEINT))"
binary_shift_left = _bits(
    "binary_shift_left",
    "Move the bits to the left.",
    f"CASE WHEN b & 63 = 0 THEN a ELSE {_SIGNED.format(_LEFT)} END",
)
binary_shift_right = _bits("binary_shift_right", "Move the bits to the right.", "a >> (b & 63)")
binary_not = scalar(
    __name__,
    "binary_not(value: long): long",
    summary="Give the bits that are not set.",
    routine=macro("kql_binary_not(a)", "~a"),
    nullable=False,
)
bitset_count_ones = scalar(
    __name__,
    "bitset_count_ones(value: long): long",
    summary="Count the bits that are set.",
    routine=macro("kql_bitset_count_ones(a)", "CAST(bit_count(a) AS BIGINT)"),
    nullable=False,
)


def _numeric(name: str, count: int, value: Callable[..., float | None]) -> ArrowFunction:
    def guarded(*numbers: float) -> float | None:
        try:
            return value(*numbers)
        except (ArithmeticError, ValueError):
            return math.nan

    return each(f"kql_{name}", ("DOUBLE",) * count, "DOUBLE", guarded)


def _log_gamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def _gamma(x: float) -> float:
    try:
        return math.gamma(x)
    except ValueError:
        return math.nan
    except OverflowError:
        return math.inf


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (Lentz's method)."""
    tiny = 1e-300
    c, d = 1.0, 1 - (a + b) * x / (a + 1)
    d = 1 / (d if abs(d) > tiny else tiny)
    result = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for part in (even, odd):
            d = 1 / (1 + part * d or tiny)
            c = 1 + part / (c or tiny) or tiny
            result *= c * d
        if abs(c * d - 1) < 1e-16:
            break
    return result


def beta_distribution(x: float, a: float, b: float) -> float:
    """The beta distribution's cumulative probability; NaN outside 0 to 1, 1 for shapes that are not positive."""
    if not 0 <= x <= 1:
        return math.nan
    if not (a > 0 and b > 0):
        return 1.0
    if x in (0.0, 1.0):
        return x
    scale = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    if x < (a + 1) / (a + b + 2):
        return scale * _fraction(x, a, b) / a
    return 1 - scale * _fraction(1 - x, b, a) / b


def _beta_inverse(p: float, a: float, b: float) -> float | None:
    if not 0 <= p <= 1:
        return None
    if not (a > 0 and b > 0):
        return math.nan
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if beta_distribution(middle, a, b) < p else (low, middle)
    return (low + high) / 2


def _beta_density(x: float, a: float, b: float) -> float:
    if not 0 <= x <= 1 or not (a > 0 and b > 0):
        return math.nan
    if x in (0.0, 1.0):
        edge = a if x == 0.0 else b
        return math.inf if edge < 1 else (0.0 if edge > 1 else (b if x == 0.0 else a))
    return math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + (a - 1) * math.log(x)
        + (b - 1) * math.log1p(-x)
    )


def _statistic(
    name: str, parameters: tuple[str, ...], summary: str, value: Callable[..., float | None]
) -> Function:
    return scalar(
        __name__,
        f"{name}({', '.join(f'{item}: real' for item in parameters)}): real",
        summary=summary,
        routine=_numeric(name, len(parameters), value),
    )


gamma = _statistic("gamma", ("number",), "Give the gamma function.", _gamma)
loggamma = _statistic("loggamma", ("number",), "Give the logarithm of the gamma function.", _log_gamma)
erf = _statistic("erf", ("number",), "Give the error function.", math.erf)
erfc = _statistic("erfc", ("number",), "Give 1 less the error function.", math.erfc)
beta_cdf = _statistic("beta_cdf", ("x", "alpha", "beta"), "Give the beta distribution.", beta_distribution)
beta_inv = _statistic(
    "beta_inv", ("probability", "alpha", "beta"), "Invert the beta distribution.", _beta_inverse
)
beta_pdf = _statistic(
    "beta_pdf", ("x", "alpha", "beta"), "Give the density of the beta distribution.", _beta_density
)


def _welch(
    mean: float, variance: float, count: float, mean2: float, variance2: float, count2: float
) -> float:
    """The two-sided probability of Welch's t-test; NaN where a sample has no spread."""
    if count < 2 or count2 < 2 or variance < 0 or variance2 < 0 or variance + variance2 == 0:
        return math.nan
    one, two = variance / count, variance2 / count2
    degrees = (one + two) ** 2 / (one * one / (count - 1) + two * two / (count2 - 1))
    square = (mean - mean2) ** 2 / (one + two)
    return beta_distribution(degrees / (degrees + square), degrees / 2, 0.5)


welch_test = _statistic(
    "welch_test",
    ("mean1", "variance1", "count1", "mean2", "variance2", "count2"),
    "Give the probability that two samples have one mean (Welch's t-test, two-sided).",
    _welch,
)
