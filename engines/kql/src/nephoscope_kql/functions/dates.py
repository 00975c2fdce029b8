"""Dates and timespans, in ticks of 100 ns since 0001-01-01: parts, starts and ends, differences, making them."""

from __future__ import annotations

from types import MappingProxyType

from sqlglot import exp

from nephoscope_kql.functions.conversions import TEXT_DATETIME, TEXT_TIMESPAN
from nephoscope_kql.functions.declaration import apply_routine, declare_macro, declare_scalar_macro
from nephoscope_kql.plan.function_signatures import Arguments, ScalarFunction, declare_function
from nephoscope_kql.plan.values import Bound, Constant
from nephoscope_kql.sql import nodes
from nephoscope_kql.sql.routines import Routine
from nephoscope_kql.types import (
    MAX_DATETIME_TICKS,
    TICKS_PER_DAY,
    TICKS_PER_SECOND,
    UNIX_EPOCH_TICKS,
    KqlType,
)

DAY = str(TICKS_PER_DAY)
MAXIMUM = str(MAX_DATETIME_TICKS)

WITHIN = declare_macro("kql_within(x)", f"CASE WHEN x BETWEEN 0 AND {MAXIMUM} THEN CAST(x AS BIGINT) END")
"""A datetime, null where the ticks (of any integer type) leave the years 1 to 9999."""
SPAN_WITHIN = declare_macro("kql_span_within(x)", "TRY_CAST(x AS BIGINT)")
DATE = declare_macro("kql_civil_date(x)", f"DATE '0001-01-01' + CAST(x // {DAY} AS INTEGER)")
MONTHS = declare_macro("kql_months(x)", "year(kql_civil_date(x)) * 12 + month(kql_civil_date(x)) - 1", DATE)
MONTH_START = declare_macro(
    "kql_month_start(m)",
    "CASE WHEN m BETWEEN 12 AND 120000 THEN CAST(make_date(CAST(m // 12 AS BIGINT), CAST(m % 12 + 1 AS "
    "BIGINT), 1) "
    f"- DATE '0001-01-01' AS HUGEINT) * {DAY} END",
)
"""The ticks of the start of month `m` (year * 12 + month - 1), null outside the years 1 to 10000."""
_OFFSET = "greatest(least(coalesce(n, 0), 10000000), -10000000)"


def _collect_edges(unit: str, start: str, end: str, *uses: Routine) -> tuple[ScalarFunction, ScalarFunction]:
    """`startof<unit>` and `endof<unit>`, with an offset in units."""
    first = declare_scalar_macro(
        __name__,
        f"startof{unit}(date: datetime, [offset: long]): datetime",
        summary=f"Give the start of the {unit} of a date, or of one some {unit}s away.",
        routine=declare_macro(f"kql_startof{unit}(x, n)", f"kql_within({start})", WITHIN, *uses),
    )
    last = declare_scalar_macro(
        __name__,
        f"endof{unit}(date: datetime, [offset: long]): datetime",
        summary=f"Give the last tick of the {unit} of a date, or of one some {unit}s away.",
        routine=declare_macro(f"kql_endof{unit}(x, n)", f"kql_within({end} - 1)", WITHIN, *uses),
    )
    return first, last


def _collect_period_bounds(ticks: int, shift: int = 0) -> tuple[str, str]:
    begin = f"(x - (x + {shift}) % {ticks} + CAST({_OFFSET} AS HUGEINT) * {ticks})"
    return begin, f"({begin} + {ticks})"


startofday, endofday = _collect_edges("day", *_collect_period_bounds(TICKS_PER_DAY))
startofweek, endofweek = _collect_edges("week", *_collect_period_bounds(7 * TICKS_PER_DAY, TICKS_PER_DAY))
startofmonth, endofmonth = _collect_edges(
    "month",
    f"kql_month_start(kql_months(x) + {_OFFSET})",
    f"kql_month_start(kql_months(x) + {_OFFSET} + 1)",
    MONTHS,
    MONTH_START,
)
startofyear, endofyear = _collect_edges(
    "year",
    f"kql_month_start((year(kql_civil_date(x)) + {_OFFSET}) * 12)",
    f"kql_month_start((year(kql_civil_date(x)) + {_OFFSET} + 1) * 12)",
    DATE,
    MONTH_START,
)


def _declare_date_part(
    name: str, summary: str, body: str, returns: str = "int", *aliases: str
) -> ScalarFunction:
    kind = "BIGINT" if returns == "timespan" else "INTEGER"
    return declare_scalar_macro(
        __name__,
        f"{name}(date: datetime): {returns}",
        summary=summary,
        routine=declare_macro(f"kql_{name}(x)", f"CAST({body} AS {kind})", DATE),
        aliases=aliases,
        nullable=name == "dayofweek",
    )


dayofweek = _declare_date_part(
    "dayofweek",
    "Give the time since the last Sunday in whole days.",
    f"CASE WHEN x < {MAX_DATETIME_TICKS - 6 * TICKS_PER_DAY} THEN ((x // {DAY}) + 1) % 7 * {DAY} END",
    "timespan",
)
dayofmonth = _declare_date_part("dayofmonth", "Give the day of the month.", "day(kql_civil_date(x))")
dayofyear = _declare_date_part("dayofyear", "Give the day of the year.", "dayofyear(kql_civil_date(x))")
monthofyear = _declare_date_part(
    "monthofyear", "Give the month, 1 to 12.", "month(kql_civil_date(x))", "int", "getmonth"
)
getyear = _declare_date_part("getyear", "Give the year.", "year(kql_civil_date(x))")
hourofday = _declare_date_part("hourofday", "Give the hour, 0 to 23.", f"x // {3600 * TICKS_PER_SECOND} % 24")
week_of_year = _declare_date_part(
    "week_of_year", "Give the ISO week of the year.", "week(kql_civil_date(x))", "int", "weekofyear"
)

_UNITS = MappingProxyType(
    {
        "week": 7 * TICKS_PER_DAY,
        "day": TICKS_PER_DAY,
        "hour": 3600 * TICKS_PER_SECOND,
        "minute": 60 * TICKS_PER_SECOND,
        "second": TICKS_PER_SECOND,
        "millisecond": TICKS_PER_SECOND // 1000,
        "microsecond": 10,
    }
)
_MONTH_UNITS = MappingProxyType({"year": 12, "quarter": 3, "month": 1})
_ADD_MONTHS = declare_macro(
    "kql_add_months(x, n)",
    "kql_within(kql_month_start(kql_months(x) + n) + CAST(least(day(kql_civil_date(x)), "
    f"day(last_day(kql_civil_date(kql_within(kql_month_start(kql_months(x) + n)))))) - 1 AS HUGEINT) * "
    f"{DAY} + x % {DAY})",
    WITHIN,
    MONTH_START,
    MONTHS,
    DATE,
)
_ADD_TICKS = declare_macro(
    "kql_add_ticks(x, n, unit, per)", "kql_within(CAST(n AS HUGEINT) * unit // per + x)", WITHIN
)


def _read_unit(call: Arguments, position: int = 0) -> str:
    unit = call.get_text(position).lower()
    if unit not in _UNITS and unit not in _MONTH_UNITS and unit != "nanosecond":
        known = ", ".join([*_MONTH_UNITS, *_UNITS, "nanosecond"])
        raise call.make_error(position, f"the part of a date is one of {known}")
    return unit


@declare_function("datetime_add(part: const string, amount: long, date: datetime): datetime")
def datetime_add(call: Arguments) -> exp.Expr:
    """Add so many years, months, days, ... to a date; the day is cut to the month's last."""
    unit = _read_unit(call)
    if unit in _MONTH_UNITS:
        bounded = nodes.build_call(
            "greatest",
            nodes.build_call("least", call[1], nodes.build_number(200000)),
            nodes.build_number(-200000),
        )
        return apply_routine(
            call,
            _ADD_MONTHS,
            call[2],
            nodes.build_binary("*", bounded, nodes.build_number(_MONTH_UNITS[unit])),
        )
    ticks, per = (1, 100) if unit == "nanosecond" else (_UNITS[unit], 1)
    return apply_routine(
        call, _ADD_TICKS, call[2], call[1], nodes.build_number(ticks), nodes.build_number(per)
    )


def _infer_difference_type(arguments: tuple[Bound, ...]) -> KqlType:
    unit = arguments[0]
    weeks = isinstance(unit, Constant) and str(unit.value).lower() == "week"
    return KqlType.REAL if weeks else KqlType.LONG


_DIFF_MONTHS = declare_macro(
    "kql_diff_months(a, b, n)", "CAST(kql_months(a) // n - kql_months(b) // n AS BIGINT)", MONTHS
)
_DIFF_TICKS = declare_macro("kql_diff_ticks(a, b, unit, shift)", "(a + shift) // unit - (b + shift) // unit")


@declare_function(
    "datetime_diff(part: const string, later: datetime, earlier: datetime): long",
    returns=_infer_difference_type,
)
def datetime_diff(call: Arguments) -> exp.Expr:
    """Count the borders of years, months, days, ... between two dates."""
    unit = _read_unit(call)
    if unit in _MONTH_UNITS:
        return apply_routine(call, _DIFF_MONTHS, call[1], call[2], nodes.build_number(_MONTH_UNITS[unit]))
    if unit == "nanosecond":
        return nodes.build_binary(
            "*", exp.Paren(this=nodes.build_binary("-", call[1], call[2])), nodes.build_number(100)
        )
    shift = TICKS_PER_DAY if unit == "week" else 0
    counted = apply_routine(
        call, _DIFF_TICKS, call[1], call[2], nodes.build_number(_UNITS[unit]), nodes.build_number(shift)
    )
    return nodes.build_cast(counted, "DOUBLE") if unit == "week" else counted


_PARTS = MappingProxyType(
    {
        "year": "year(kql_civil_date(x))",
        "quarter": "quarter(kql_civil_date(x))",
        "month": "month(kql_civil_date(x))",
        "week_of_year": "week(kql_civil_date(x))",
        "weekofyear": "week(kql_civil_date(x))",
        "day": "day(kql_civil_date(x))",
        "dayofyear": "dayofyear(kql_civil_date(x))",
        "hour": f"x // {3600 * TICKS_PER_SECOND} % 24",
        "minute": f"x // {60 * TICKS_PER_SECOND} % 60",
        "second": f"x // {TICKS_PER_SECOND} % 60",
        "millisecond": "x // 10000 % 1000",
        "microsecond": "(x % 10000000 + 5) // 10",
        "nanosecond": "x % 10000000 * 100",
    }
)
_PART_MACROS = {
    name: declare_macro(f"kql_part_{name}(x)", f"CAST({body} AS BIGINT)", DATE)
    for name, body in _PARTS.items()
}


@declare_function(
    "datetime_part(part: const string, date: datetime): long", aliases=("datepart",), nullable=False
)
def datetime_part(call: Arguments) -> exp.Expr:
    """Give a part of a date as a number."""
    found = _PART_MACROS.get(call.get_text(0).lower())
    if found is None:
        raise call.make_error(0, f"the part of a date is one of {', '.join(_PART_MACROS)}")
    return apply_routine(call, found, call[1])


def _declare_unix_time_function(name: str, ticks: str) -> ScalarFunction:
    """`ticks` says the ticks of x, a decimal, exactly."""
    return declare_scalar_macro(
        __name__,
        f"unixtime_{name}_todatetime(number: int|long|real): datetime",
        summary=f"Convert Unix time in {name} to a date.",
        routine=declare_macro(
            f"kql_unixtime_{name}(x)",
            f"CASE WHEN x BETWEEN -1e19 AND 1e19 THEN kql_within({ticks.format('CAST(x AS DECIMAL(38,9))')} "
            f"+ {UNIX_EPOCH_TICKS}) END",
            WITHIN,
        ),
    )


unixtime_seconds = _declare_unix_time_function("seconds", "CAST({} * 10000000 AS HUGEINT)")
unixtime_milliseconds = _declare_unix_time_function("milliseconds", "CAST({} * 10000 AS HUGEINT)")
unixtime_microseconds = _declare_unix_time_function("microseconds", "CAST({} * 10 AS HUGEINT)")
unixtime_nanoseconds = _declare_unix_time_function("nanoseconds", "CAST({} AS HUGEINT) // 100")

_MAKE_DATE = declare_macro(
    "kql_make_datetime(y, mo, d, h, mi, s)",
    "CASE WHEN y BETWEEN 1 AND 9999 AND mo BETWEEN 1 AND 12 AND d BETWEEN 1 AND 31 AND h BETWEEN 0 AND 23 "
    "AND mi BETWEEN 0 AND 59 AND s >= 0 AND s < 60 "
    "AND d <= day(last_day(make_date(CAST(y AS BIGINT), CAST(greatest(1, least(12, mo)) AS BIGINT), 1))) "
    "THEN kql_month_start(y * 12 + mo - 1) + CAST(d - 1 AS HUGEINT) * "
    f"{DAY} + CAST(h AS HUGEINT) * {3600 * TICKS_PER_SECOND} + CAST(mi AS HUGEINT) * {60 * TICKS_PER_SECOND} "
    "+ CAST(round(s * 10000000) AS HUGEINT) END",
    MONTH_START,
)


@declare_function(
    "make_datetime(year: long, month: long, day: long): datetime",
    "make_datetime(year: long, month: long, day: long, hour: long, minute: long, [second: real]): datetime",
    "make_datetime(value: datetime|string): datetime",
)
def make_datetime(call: Arguments) -> exp.Expr:
    """Make a date of its parts; null where there is no such date."""
    if len(call) == 1:
        return call[0] if call.types[0] == KqlType.DATETIME else apply_routine(call, TEXT_DATETIME, call[0])
    parts = [*call, *(nodes.build_number(0) for _ in range(6 - len(call)))]
    return apply_routine(call, WITHIN, apply_routine(call, _MAKE_DATE, *parts))


_MAKE_SPAN = declare_macro(
    "kql_make_timespan(d, h, mi, s)",
    f"CASE WHEN d BETWEEN 0 AND 10675198 AND h BETWEEN 0 AND 23 AND mi BETWEEN 0 AND 59 AND s >= 0 AND "
    f"s < 60 "
    f"THEN CAST(d AS BIGINT) * {DAY} + CAST(h AS BIGINT) * {3600 * TICKS_PER_SECOND} "
    f"+ CAST(mi AS BIGINT) * {60 * TICKS_PER_SECOND} + CAST(round(s * 10000000) AS BIGINT) END",
)


@declare_function(
    "make_timespan(days: long, hours: long, minutes: long, seconds: real): timespan",
    "make_timespan(hours: long, minutes: long, [seconds: real]): timespan",
    "make_timespan(value: timespan|string): timespan",
)
def make_timespan(call: Arguments) -> exp.Expr:
    """Make a timespan of its parts; null where a part is too large."""
    if len(call) == 1:
        return call[0] if call.types[0] == KqlType.TIMESPAN else apply_routine(call, TEXT_TIMESPAN, call[0])
    days = [] if len(call) == 4 else [nodes.build_number(0)]
    seconds = [nodes.build_number(0)] if len(call) == 2 else []
    return apply_routine(call, _MAKE_SPAN, *days, *call, *seconds)
