"""Mathematics: rounding, powers, logarithms, angles, bins, bits, the beta and error functions. Nothing raises: NaN or null instead."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import MappingProxyType

from sqlglot import exp

from nephoscope.kql.dialects import build
from nephoscope.kql.dialects.routine import ArrowFunction
from nephoscope.kql.functions.dates import WITHIN
from nephoscope.kql.functions.declare import apply, each, macro, scalar
from nephoscope.kql.registry import Arguments, Function, function
from nephoscope.kql.types import KqlType

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


@function("ceiling(number: real): real", nullable=False)
def ceiling(call: Arguments) -> exp.Expr:
    """Give the smallest whole number that is not below a number."""
    return build.call("ceil", call[0])


@function("round(number: real, [digits: const long]): real", nullable=False)
def rounded(call: Arguments) -> exp.Expr:
    """Round to so many digits after the point, halves away from zero."""
    digits = call.value(1) if len(call) > 1 else 0
    if not isinstance(digits, int) or abs(digits) > 300:
        raise call.fail(1, "the digits are a number from -300 to 300")
    return build.call("round", call[0], build.number(digits))


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
_BIN_DATE = macro("kql_bin_date(x, n)", "CASE WHEN n > 0 THEN x - x % n END")


def binned(call: Arguments, value: exp.Expr, size: exp.Expr, kind: KqlType) -> exp.Expr:
    """The largest multiple of a size that is not above a value; null where the size is 0."""
    if kind in (KqlType.REAL, KqlType.DECIMAL):
        return apply(call, _BIN_REAL, value, size)
    if kind == KqlType.DATETIME:
        return apply(call, _BIN_DATE, value, size)
    found = apply(call, _BIN_LONG, value, size)
    return build.cast(found, "INTEGER") if kind == KqlType.INT else found


@function(
    "bin(value: T, size: T): T",
    "bin(value: datetime, size: timespan|datetime): datetime",
    "bin(value: timespan, size: timespan): timespan",
    aliases=("floor",),
)
def bin_(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from 0 or from the year 1."""
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
)
def bin_at(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from a fixed point."""
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
    return each(f"kql_{name}", ("DOUBLE",) * count, "DOUBLE", value)


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

FACTORS: MappingProxyType[str, MappingProxyType[str, float]] = MappingProxyType(
    {
        "length": MappingProxyType(
            {
                "angstrom": 1e-10,
                "astronomicalunit": 149597870700.0,
                "attometer": 1e-18,
                "centimeter": 0.01,
                "chain": 20.1168,
                "datamile": 1828.8,
                "decameter": 10.0,
                "decimeter": 0.1,
                "femtometer": 1e-15,
                "foot": 0.3048,
                "hectometer": 100.0,
                "inch": 0.0254,
                "kilofoot": 304.8,
                "kilometer": 1000.0,
                "kiloparsec": 3.0856775814913673e19,
                "lightyear": 9460730472580800.0,
                "megameter": 1e6,
                "meter": 1.0,
                "microinch": 2.54e-8,
                "micrometer": 1e-6,
                "mil": 2.54e-5,
                "mile": 1609.344,
                "millimeter": 0.001,
                "nanometer": 1e-9,
                "nauticalmile": 1852.0,
                "parsec": 3.0856775814913673e16,
                "picometer": 1e-12,
                "shackle": 27.432,
                "twip": 0.0254 / 1440,
                "ussurveyfoot": 1200 / 3937,
                "yard": 0.9144,
            }
        ),
        "mass": MappingProxyType(
            {
                "centigram": 1e-5,
                "decagram": 0.01,
                "decigram": 1e-4,
                "grain": 6.479891e-5,
                "gram": 0.001,
                "hectogram": 0.1,
                "kilogram": 1.0,
                "kilopound": 453.59237,
                "kilotonne": 1e6,
                "longton": 1016.0469088,
                "megatonne": 1e9,
                "microgram": 1e-9,
                "milligram": 1e-6,
                "nanogram": 1e-12,
                "ounce": 0.028349523125,
                "pound": 0.45359237,
                "shortton": 907.18474,
                "slug": 14.593902937206364,
                "stone": 6.35029318,
                "tonne": 1000.0,
            }
        ),
        "angle": MappingProxyType(
            {
                "arcminute": math.pi / 10800,
                "arcsecond": math.pi / 648000,
                "degree": math.pi / 180,
                "gradian": math.pi / 200,
                "radian": 1.0,
                "revolution": 2 * math.pi,
                "milliradian": 0.001,
                "microradian": 1e-6,
                "tilt": math.pi / 2,
            }
        ),
        "energy": MappingProxyType(
            {
                "joule": 1.0,
                "kilojoule": 1e3,
                "megajoule": 1e6,
                "gigajoule": 1e9,
                "calorie": 4.184,
                "kilocalorie": 4184.0,
                "watthour": 3600.0,
                "kilowatthour": 3.6e6,
                "megawatthour": 3.6e9,
                "gigawatthour": 3.6e12,
                "electronvolt": 1.602176634e-19,
                "erg": 1e-7,
                "millijoule": 1e-3,
                "britishthermalunit": 1055.05585262,
            }
        ),
        "force": MappingProxyType(
            {
                "newton": 1.0,
                "kilonewton": 1e3,
                "meganewton": 1e6,
                "micronewton": 1e-6,
                "millinewton": 1e-3,
                "dyn": 1e-5,
                "kilogramforce": 9.80665,
                "poundforce": 4.4482216152605,
                "poundal": 0.138254954376,
                "tonneforce": 9806.65,
                "ounceforce": 0.27801385095378125,
                "decanewton": 10.0,
                "kilopond": 9.80665,
            }
        ),
        "speed": MappingProxyType(
            {
                "meterpersecond": 1.0,
                "kilometerperhour": 1 / 3.6,
                "mileperhour": 0.44704,
                "knot": 1852 / 3600,
                "footpersecond": 0.3048,
                "kilometerpersecond": 1000.0,
                "centimeterpersecond": 0.01,
                "mach": 340.29,
                "meterperminute": 1 / 60,
                "meterperhour": 1 / 3600,
                "inchpersecond": 0.0254,
                "footperminute": 0.3048 / 60,
                "kilometerperminute": 1000 / 60,
                "millimeterpersecond": 0.001,
            }
        ),
        "volume": MappingProxyType(
            {
                "cubicmeter": 1.0,
                "liter": 1e-3,
                "milliliter": 1e-6,
                "centiliter": 1e-5,
                "deciliter": 1e-4,
                "hectoliter": 0.1,
                "kiloliter": 1.0,
                "cubiccentimeter": 1e-6,
                "cubicmillimeter": 1e-9,
                "cubicdecimeter": 1e-3,
                "cubickilometer": 1e9,
                "cubicfoot": 0.028316846592,
                "cubicinch": 1.6387064e-5,
                "cubicyard": 0.764554857984,
                "cubicmile": 4168181825.440579584,
                "usgallon": 0.003785411784,
                "imperialgallon": 0.00454609,
                "uspint": 0.000473176473,
                "usquart": 0.000946352946,
                "usounce": 2.95735295625e-5,
                "imperialounce": 2.84130625e-5,
                "oilbarrel": 0.158987294928,
                "microliter": 1e-9,
            }
        ),
    }
)


def _converter(family: str) -> Function:
    factors = FACTORS[family]

    def builder(call: Arguments) -> exp.Expr:
        source, into = (factors.get(call.text(place).lower()) for place in (1, 2))
        if source is None or into is None:
            raise call.unsupported(f"this unit of {family}", 1 if source is None else 2)
        scaled = build.binary("*", call[0], build.number(source))
        return build.binary("/", scaled, build.number(into))

    return function(
        f"convert_{family}(value: real, from: const string, to: const string): real", nullable=False
    )(_described(builder, f"Convert a {family} from one unit to another."))


def _described(builder: Callable[[Arguments], exp.Expr], summary: str) -> Callable[[Arguments], exp.Expr]:
    builder.__doc__ = summary
    builder.__module__ = __name__
    return builder


convert_length, convert_mass, convert_angle, convert_energy, convert_force, convert_speed, convert_volume = (
    _converter(family) for family in FACTORS
)
_SCALES = MappingProxyType(
    {
        "kelvin": (1.0, 0.0),
        "degreecelsius": (1.0, 273.15),
        "degreefahrenheit": (5 / 9, 459.67 * 5 / 9),
        "degreerankine": (5 / 9, 0.0),
        "degreereaumur": (1.25, 273.15),
        "degreenewton": (100 / 33, 273.15),
        "degreedelisle": (-2 / 3, 373.15),
        "degreeroemer": (40 / 21, 273.15 - 7.5 * 40 / 21),
        "millidegreecelsius": (0.001, 273.15),
    }
)


@function("convert_temperature(value: real, from: const string, to: const string): real", nullable=False)
def convert_temperature(call: Arguments) -> exp.Expr:
    """Convert a temperature from one scale to another."""
    source, into = (_SCALES.get(call.text(place).lower()) for place in (1, 2))
    if source is None or into is None:
        raise call.unsupported("this scale of temperature", 1 if source is None else 2)
    kelvin = build.binary("+", build.binary("*", call[0], build.number(source[0])), build.number(source[1]))
    return build.binary("/", build.binary("-", kelvin, build.number(into[1])), build.number(into[0]))


_BYTES = ("Bytes", "KB", "MB", "GB", "TB", "PB", "EB")
_FORMAT_BYTES = macro(
    "kql_format_bytes(x, p, u)",
    "regexp_replace(CAST(CAST(round(x / pow(1024, u), p) AS DECIMAL(38,6)) AS VARCHAR), '\\.?0+$', '')",
)


@function("format_bytes(size: real, [precision: const long], [units: const string]): string", nullable=False)
def format_bytes(call: Arguments) -> exp.Expr:
    """Write a number of bytes with a unit."""
    digits = call.value(1) if len(call) > 1 else 0
    if not isinstance(digits, int) or not 0 <= digits <= 6:
        raise call.unsupported("a precision outside 0 to 6", 1)

    def one(place: int) -> exp.Expr:
        number = apply(call, _FORMAT_BYTES, call[0], build.number(digits), build.number(place))
        return build.binary("||", number, build.text(f" {_BYTES[place]}"))

    if len(call) > 2:
        named = [place for place, unit in enumerate(_BYTES) if unit.lower() == call.text(2).lower()]
        if not named:
            raise call.fail(2, f"the unit is one of {', '.join(_BYTES)}")
        return one(named[0])
    size = build.call("abs", call[0])
    steps = [(build.binary("<", size, build.number(1024.0 ** (place + 1))), one(place)) for place in range(6)]
    return build.case(*steps, otherwise=one(6))
