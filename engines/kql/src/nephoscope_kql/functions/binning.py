"""Bins: numbers and times rounded down to a multiple of a size, and the distance of two."""

from __future__ import annotations

from sqlglot import exp

from nephoscope_kql.functions.arithmetic import DECIMAL_PRODUCT, DECIMAL_QUOTIENT
from nephoscope_kql.functions.dates import WITHIN
from nephoscope_kql.functions.declaration import apply_routine, declare_macro
from nephoscope_kql.plan.function_signatures import Arguments, declare_function
from nephoscope_kql.plan.values import Bound
from nephoscope_kql.sql import nodes
from nephoscope_kql.types import KqlType, promote_type

_BIN_LONG = declare_macro(
    "kql_bin(x, n)",
    "CASE WHEN n <> 0 THEN TRY_CAST(CAST(x AS HUGEINT) - ((CAST(x AS HUGEINT) % n) + n) % n AS BIGINT) END",
)
_BIN_REAL = declare_macro("kql_bin_real(x, n)", "CASE WHEN n <> 0 THEN floor(x / n) * n END")
_BIN_DECIMAL = declare_macro(
    "kql_bin_decimal(x, n)",
    "kql_decimal_product(CAST(floor(kql_decimal_quotient(x, n)) AS DECIMAL(38,17)), n)",
    DECIMAL_PRODUCT,
    DECIMAL_QUOTIENT,
)
_BIN_DATE = declare_macro("kql_bin_date(x, n)", "CASE WHEN n > 0 THEN x - x % n END")


def build_bin(call: Arguments, value: exp.Expr, size: exp.Expr, kind: KqlType) -> exp.Expr:
    """The largest multiple of a size that is not above a value; null where the size is 0."""
    if kind == KqlType.REAL:
        return apply_routine(call, _BIN_REAL, value, size)
    if kind == KqlType.DECIMAL:
        return apply_routine(call, _BIN_DECIMAL, value, size)
    if kind == KqlType.DATETIME:
        return apply_routine(call, _BIN_DATE, value, size)
    return apply_routine(call, _BIN_LONG, value, size)


def _require_measures(call: Arguments, count: int) -> None:
    """The first arguments are numbers or times."""
    for place, kind in enumerate(call.types[:count]):
        if not kind.is_numeric and kind not in (KqlType.DATETIME, KqlType.TIMESPAN):
            raise call.make_error(place, f"a number, a datetime or a timespan is expected, not {kind}")


def _infer_binned_type(arguments: tuple[Bound, ...]) -> KqlType:
    """The bins of ints are longs, as Kusto has them."""
    return promote_type(arguments[0].type)


@declare_function(
    "bin(value: T, size: T): T",
    "bin(value: datetime, size: timespan|datetime): datetime",
    "bin(value: timespan, size: timespan): timespan",
    aliases=("floor",),
    returns=_infer_binned_type,
)
def bin_(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from 0 or from the year 1."""
    _require_measures(call, 2)
    return build_bin(call, call[0], call[1], call.type)


_BIN_AT = declare_macro(
    "kql_bin_at(x, n, f)",
    "CASE WHEN n > 0 THEN CAST(x AS HUGEINT) - (((CAST(x AS HUGEINT) - f) % n) + n) % n END",
)
_BIN_AT_REAL = declare_macro(
    "kql_bin_at_real(x, n, f)", "CASE WHEN n <> 0 THEN floor((x - f) / n) * n + f END"
)


@declare_function(
    "bin_at(value: T, size: T, fixed: T): T",
    "bin_at(value: datetime, size: timespan, fixed: datetime): datetime",
    "bin_at(value: timespan, size: timespan, fixed: timespan): timespan",
    returns=_infer_binned_type,
)
def bin_at(call: Arguments) -> exp.Expr:
    """Round down to a multiple of a size, counted from a fixed point."""
    _require_measures(call, 3)
    if call.type in (KqlType.REAL, KqlType.DECIMAL):
        return apply_routine(call, _BIN_AT_REAL, *call)
    found = apply_routine(call, _BIN_AT, *call)
    return (
        apply_routine(call, WITHIN, found)
        if call.type == KqlType.DATETIME
        else nodes.try_cast(found, call.type.physical)
    )


@declare_function("around(value: T, center: T, delta: any): bool", nullable=False)
def around(call: Arguments) -> exp.Expr:
    """Tell whether a value is not further from another than a distance."""
    _require_measures(call, 2)
    timed = call.types[0] in (KqlType.DATETIME, KqlType.TIMESPAN)
    if (call.types[2] != KqlType.TIMESPAN) if timed else not call.types[2].is_numeric:
        raise call.make_error(2, f"a distance of {call.types[0]}s is expected")
    distance = nodes.build_call("abs", nodes.build_binary("-", *_widen_operands(call)))
    return nodes.build_binary("<=", distance, call[2])


def _widen_operands(call: Arguments) -> tuple[exp.Expr, exp.Expr]:
    if call.types[0] == KqlType.REAL:
        return call[0], call[1]
    return nodes.build_cast(call[0], "HUGEINT"), nodes.build_cast(call[1], "HUGEINT")
