"""The values of literals: `datetime(2024-01-31)`, `1.5h`, `long(null)`, `guid(...)` and their kin."""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING

from nephoscope_kql.types import MAX_DATETIME_TICKS, TICKS_PER_DAY, TICKS_PER_SECOND, KqlType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nephoscope_kql.tree import Scalar

_UNIT_TICKS: Mapping[str, Decimal] = MappingProxyType(
    {
        unit: Decimal(ticks) / 100
        for units, ticks in (
            ("d day days", TICKS_PER_DAY * 100),
            ("h hr hrs hour hours", TICKS_PER_SECOND * 360_000),
            ("m min minute minutes", TICKS_PER_SECOND * 6000),
            ("s sec second seconds", TICKS_PER_SECOND * 100),
            ("ms milli millis millisecond milliseconds", TICKS_PER_SECOND // 10),
            ("micro micros microsecond microseconds", 1000),
            ("nano nanos nanosecond nanoseconds", 1),
            ("tick ticks", 100),
        )
        for unit in units.split()
    }
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_EPOCH = datetime(1, 1, 1)
_LONG = 2**63
_INT = 2**31

_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:\.(?P<fraction>\d{1,9}))?)?\s*(?P<half>[AaPp][Mm])?"
_ZONE = r"(?P<zone>[Zz]|GMT|UTC|[+-]\d{1,2}(?::?\d\d)?)?"
_DATES = tuple(
    re.compile(rf"{date}(?:(?:[Tt]|[ ,]+){_CLOCK}\s*{_ZONE})?", re.ASCII)
    for date in (
        r"(?P<year>\d{4})(?:[-/.]|, ?)(?P<month>\d{1,2})(?:(?:[-/.]|, ?)(?P<day>\d{1,2}))?",
        r"(?P<month>\d{1,2})[/-](?P<day>\d{1,2})[/-](?P<year>\d{4})",
        r"(?:[A-Za-z]{3,9},? +)?(?P<day>\d{1,2})[ -](?P<name>[A-Za-z]{3,9})[ -](?P<year>\d{4}|\d\d)",
        r"(?:[A-Za-z]{3,9},? +)?(?P<name>[A-Za-z]{3,9}) +(?P<day>\d{1,2}),? +(?P<year>\d{4})",
        r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)",
        r"(?P<year>\d{4})",
    )
)
_SPAN = re.compile(
    r"(?P<sign>[+-])?(?:(?P<days>\d{1,8})[.:](?=\d+:\d+:))?(?P<hours>\d{1,8}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?",
    re.ASCII,
)
_AMOUNT = re.compile(r"(?P<sign>[+-])?\s*(?P<number>\d{1,30}(?:\.\d{1,30})?)\s*(?P<unit>[a-z]*)", re.ASCII)


_OTHER_BLANK = re.compile(r"[^\S ]")


def parse_typed_value(word: str, text: str) -> tuple[KqlType, Scalar]:
    """Type and value of `word(text)`; raises ValueError where the text is no value of the type."""
    kind = _KINDS[word]
    inner = text.strip()
    if len(inner) > 1 and inner[0] in "'\"" and inner[-1] == inner[0]:
        inner = inner[1:-1].strip()
    if inner in ("", "null"):
        return kind, None
    inner = _OTHER_BLANK.sub(" ", inner)
    return kind, _READERS[kind](inner)


def parse_long(text: str) -> int:
    """The value of a whole number as a query spells it; raises ValueError outside 64 bits."""
    return _parse_integer(text, _LONG)


def parse_datetime_ticks(text: str) -> int:
    """100 ns ticks of a date as `datetime(...)` admits it, in UTC; raises ValueError."""
    for form in _DATES:
        match = form.fullmatch(text.strip())
        if match is not None:
            return _parse_ticks(match)
    raise ValueError("write a date as 2024-01-31T23:59:59.9999999Z")


def parse_time_of_day(text: str) -> int | None:
    """Ticks since midnight of `8:00:00 AM` or `13:30`; None where the text is none."""
    match = re.fullmatch(_CLOCK, text.strip(), re.ASCII)
    if match is None:
        return None
    found = match.groupdict()
    hour, (minute, second) = _parse_hour(found), _parse_minute_second(found)
    if hour > 23 or minute > 59 or second > 59:
        return None
    fraction = int((found["fraction"] or "").ljust(7, "0")[:7])
    return ((hour * 60 + minute) * 60 + second) * TICKS_PER_SECOND + fraction


def parse_timespan_ticks(text: str) -> int:
    """100 ns ticks of `1.5h`, `1.02:03:04.5` or `2` (days); raises ValueError."""
    match = _SPAN.fullmatch(text.strip())
    if match is not None:
        return _parse_clock_ticks(match)
    amount = _AMOUNT.fullmatch(text.strip())
    unit = _UNIT_TICKS.get((amount["unit"] or "d") if amount else "")
    if amount is None or unit is None:
        raise ValueError("write a timespan as 1.5h or as 1.23:59:59.9999999")
    ticks = int(Decimal(amount["number"]) * unit)
    return _check_bound(-ticks if amount["sign"] == "-" else ticks, _LONG)


def format_datetime(ticks: int) -> str:
    """`2024-01-31T23:59:59.9999999Z`."""
    seconds, fraction = divmod(ticks, TICKS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    return f"{moment.isoformat()}.{fraction:07d}Z"


def format_timespan(ticks: int) -> str:
    """`[-][d.]hh:mm:ss[.fffffff]`."""
    days, rest = divmod(abs(ticks), TICKS_PER_DAY)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    head = ("-" if ticks < 0 else "") + (f"{days}." if days else "")
    return head + clock + (f".{fraction:07d}" if fraction else "")


def _parse_clock_ticks(match: re.Match[str]) -> int:
    days, hours, minutes, seconds = (
        int(match[name] or 0) for name in ("days", "hours", "minutes", "seconds")
    )
    if minutes > 59 or seconds > 59 or (match["days"] and hours > 23):
        raise ValueError("hours go to 23, minutes and seconds to 59")
    whole = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    ticks = whole * TICKS_PER_SECOND + int((match["fraction"] or "").ljust(7, "0"))
    return _check_bound(-ticks if match["sign"] == "-" else ticks, _LONG)


def _parse_ticks(match: re.Match[str]) -> int:
    found = match.groupdict()
    year, day = int(found["year"]), int(found.get("day") or 1)
    if len(found["year"]) == 2:
        year += 2000 if year < 50 else 1900
    since = (
        datetime(year, _parse_month(found), day, _parse_hour(found), *_parse_minute_second(found)) - _EPOCH
    )
    ticks = (since.days * 86_400 + since.seconds - _parse_offset(found.get("zone") or "Z")) * TICKS_PER_SECOND
    ticks += int((found.get("fraction") or "").ljust(7, "0")[:7])
    if not 0 <= ticks <= MAX_DATETIME_TICKS:
        raise ValueError("the years go from 1 to 9999")
    return ticks


def _parse_month(found: dict[str, str | None]) -> int:
    name = found.get("name")
    if not name:
        return int(found.get("month") or 1)
    short = name[:3].lower()
    if short not in _MONTHS:
        raise ValueError(f"{name} is not a month")
    return _MONTHS.index(short) + 1


def _parse_hour(found: dict[str, str | None]) -> int:
    hour, half = int(found.get("hour") or 0), (found.get("half") or "").lower()
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("with am or pm the hour goes from 1 to 12")
    return hour % 12 + (12 if half == "pm" else 0)


def _parse_minute_second(found: dict[str, str | None]) -> tuple[int, int]:
    return int(found.get("minute") or 0), int(found.get("second") or 0)


def _parse_offset(zone: str) -> int:
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    if hours > 14 or minutes > 59:
        raise ValueError("the time zone must be between -14:00 and +14:00")
    return (hours * 60 + minutes) * (-60 if zone[0] == "-" else 60)


def _check_bound(value: int, bound: int) -> int:
    if -bound <= value < bound:
        return value
    raise ValueError(f"the number does not fit in {bound.bit_length()} bits")


def _parse_integer(text: str, bound: int) -> int:
    match = re.fullmatch(r"([+-]?)\s*(0[xX][0-9A-Fa-f]{1,20}|\d{1,40})", text, re.ASCII)
    if match is None:
        raise ValueError("write a whole number")
    value = int(match[2], 16 if match[2][:2] in ("0x", "0X") else 10)
    if match[2][:2] in ("0x", "0X") and bound <= value < 2 * bound:
        value -= 2 * bound
    return _check_bound(-value if match[1] == "-" else value, bound)


def _parse_real(text: str) -> float:
    named = {
        "nan": float("nan"),
        "inf": float("inf"),
        "+inf": float("inf"),
        "-inf": float("-inf"),
    }.get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"[+-]?(?:\d{1,400}\.?\d{0,400}|\.\d{1,400})(?:[eE][+-]?\d{1,6})?", text, re.ASCII):
        raise ValueError("write a number, nan, +inf or -inf")
    return float(text)


def _parse_decimal(text: str) -> Decimal:
    if not re.fullmatch(r"[+-]?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][+-]?\d{1,3})?", text, re.ASCII):
        raise ValueError("write a number with at most 34 digits")
    with localcontext() as context:
        context.prec = 34
        try:
            return +Decimal(text)
        except InvalidOperation as error:
            raise ValueError("write a number with at most 34 digits") from error


def _parse_bool(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "false"):
        return lowered == "true"
    return _parse_integer(text, _LONG) != 0


def _parse_guid(text: str) -> str:
    if not re.fullmatch(r"\{?[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?|[0-9A-Fa-f]{32}", text):
        raise ValueError("write a guid as 74be27de-1e4e-49d9-b579-fe0b331d3642")
    return str(uuid.UUID(text))


_KINDS: Mapping[str, KqlType] = MappingProxyType(
    {
        "bool": KqlType.BOOL,
        "date": KqlType.DATETIME,
        "datetime": KqlType.DATETIME,
        "decimal": KqlType.DECIMAL,
        "double": KqlType.REAL,
        "guid": KqlType.GUID,
        "int": KqlType.INT,
        "int32": KqlType.INT,
        "int64": KqlType.LONG,
        "long": KqlType.LONG,
        "real": KqlType.REAL,
        "time": KqlType.TIMESPAN,
        "timespan": KqlType.TIMESPAN,
    }
)

_READERS: Mapping[KqlType, Callable[[str], Scalar]] = MappingProxyType(
    {
        KqlType.BOOL: _parse_bool,
        KqlType.DATETIME: parse_datetime_ticks,
        KqlType.DECIMAL: _parse_decimal,
        KqlType.REAL: _parse_real,
        KqlType.GUID: _parse_guid,
        KqlType.INT: lambda text: _parse_integer(text, _INT),
        KqlType.LONG: parse_long,
        KqlType.TIMESPAN: parse_timespan_ticks,
    }
)
