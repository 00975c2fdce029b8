"""The witness's functions on datetimes and timespans."""

from __future__ import annotations

import calendar
import datetime as dt
import re
import zoneinfo
from typing import TYPE_CHECKING, Any

from rowwise_functions import gives, typed
from rowwise_values import DAY, LAST, finite_ticks

if TYPE_CHECKING:
    from nephoscope_kql.plan.expressions import BoundCall


@typed("now")
def now_(cells: list[Any], call: BoundCall, now: int) -> Any:
    return now + (cells[0] if cells else 0) if not cells or cells[0] is not None else None


@typed("ago")
def ago(cells: list[Any], call: BoundCall, now: int) -> Any:
    return None if cells[0] is None else finite_ticks(now - cells[0])


def days_of(ticks: int) -> Any:
    import datetime as dt

    return dt.date(1, 1, 1) + dt.timedelta(days=ticks // DAY)


def ticks_of(day: Any) -> int:
    return (day.toordinal() - 1) * DAY


for _name, _body in {
    "getyear": lambda t: days_of(t).year,
    "getmonth": lambda t: days_of(t).month,
    "monthofyear": lambda t: days_of(t).month,
    "dayofmonth": lambda t: days_of(t).day,
    "dayofyear": lambda t: days_of(t).timetuple().tm_yday,
    "dayofweek": lambda t: days_of(t).isoweekday() % 7 * DAY if t < LAST - 6 * DAY else None,
    "hourofday": lambda t: t // 36_000_000_000 % 24,
    "startofday": lambda t, by=0: finite_ticks((t // DAY + by) * DAY),
    "endofday": lambda t, by=0: finite_ticks((t // DAY + by + 1) * DAY - 1),
    "unixtime_seconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s * 10_000_000)),
    "unixtime_milliseconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s * 10_000)),
}.items():
    gives(_name)(_body)


SIZES = {
    "week": DAY * 7,
    "day": DAY,
    "hour": DAY // 24,
    "minute": 600_000_000,
    "second": 10_000_000,
    "millisecond": 10_000,
    "microsecond": 10,
}
MONTHS = {"year": 12, "quarter": 3, "month": 1}


@gives("datetime_diff")
def datetime_diff(part: str, one: int, other: int) -> Any:
    """The borders between two times; weeks begin on Sunday and are a real."""
    part = part.lower()
    if part == "nanosecond":
        return (one - other) * 100
    if part in MONTHS:
        months = [days_of(at).year * 12 + days_of(at).month - 1 for at in (one, other)]
        return months[0] // MONTHS[part] - months[1] // MONTHS[part]
    shift = DAY if part == "week" else 0
    found = (one + shift) // SIZES[part] - (other + shift) // SIZES[part]
    return float(found) if part == "week" else found


def clock_parts(ticks: int) -> dict[str, int]:
    return {
        "H": ticks // 36_000_000_000 % 24,
        "h": (ticks // 36_000_000_000 + 11) % 12 + 1,
        "m": ticks // 600_000_000 % 60,
        "s": ticks // 10_000_000 % 60,
    }


@gives("format_datetime")
def format_datetime(ticks: int, form: str) -> str:
    """Months and days have one or two digits; more letters repeat them."""
    day = days_of(ticks)
    values = clock_parts(ticks) | {"M": day.month, "d": day.day, "y": day.year % 100}
    fraction = f"{ticks % 10_000_000:07}"

    def one(token: re.Match[str]) -> str:
        word = token.group()
        if word == "tt":
            return "AM" if values["H"] < 12 else "PM"
        if word[0] in "fF":
            return fraction[: len(word)] if word[0] == "f" else fraction[: len(word)].rstrip("0")
        if word == "yyyy":
            return f"{day.year:04}"
        value = values[word[0]]
        return f"{value:02}" * (len(word) // 2) + f"{value}" * (len(word) % 2)

    return re.sub("yyyy|yy|y|M+|d+|HH?|hh?|mm?|ss?|f{1,7}|F{1,7}|tt", one, form)


@gives("datetime_add")
def datetime_add(part: str, amount: int, ticks: int) -> Any:
    """Months keep the day, cut to the month's last."""
    part = part.lower()
    if part == "nanosecond":
        return finite_ticks(ticks + amount // 100)
    if part not in MONTHS:
        return finite_ticks(ticks + amount * SIZES[part])
    day = days_of(ticks)
    year, month = divmod(day.year * 12 + day.month - 1 + amount * MONTHS[part], 12)
    if not 1 <= year <= 9999:
        return None
    last = calendar.monthrange(year, month + 1)[1]
    return ticks_of(dt.date(year, month + 1, min(day.day, last))) + ticks % DAY


@gives("datetime_part")
def datetime_part(part: str, ticks: int) -> Any:
    day = days_of(ticks)
    ends = {
        "year": day.year,
        "quarter": (day.month - 1) // 3 + 1,
        "month": day.month,
        "week_of_year": day.isocalendar().week,
        "weekofyear": day.isocalendar().week,
        "day": day.day,
        "dayofyear": day.timetuple().tm_yday,
        "hour": ticks // 36_000_000_000 % 24,
        "minute": ticks // 600_000_000 % 60,
        "second": ticks // 10_000_000 % 60,
        "millisecond": ticks // 10_000 % 1000,
        "microsecond": (ticks % 10_000_000 + 5) // 10,
        "nanosecond": ticks % 10_000_000 * 100,
    }
    return ends[part.lower()]


@gives("week_of_year", "weekofyear")
def week_of_year(ticks: int) -> int:
    return int(days_of(ticks).isocalendar().week)


def month_start(ticks: int, by: int, size: int = 1) -> int | None:
    """The beginning of a month (or of a run of `size` months), `by` runs later."""
    day = days_of(ticks)
    year, month = divmod((day.year * 12 + day.month - 1) // size * size + by * size, 12)
    if (year, month) == (10_000, 0):
        return LAST + 1
    return ticks_of(dt.date(year, month + 1, 1)) if 1 <= year <= 9999 else None


def finite_or_none(start: int | None) -> int | None:
    return None if start is None else finite_ticks(start)


def last_tick(start: int | None) -> int | None:
    return None if start is None else finite_ticks(start - 1)


for _name, _body in {
    "startofmonth": lambda t, by=0: finite_or_none(month_start(t, by)),
    "startofyear": lambda t, by=0: finite_or_none(month_start(t, by, 12)),
    "endofmonth": lambda t, by=0: last_tick(month_start(t, by + 1)),
    "endofyear": lambda t, by=0: last_tick(month_start(t, by + 1, 12)),
    "startofweek": lambda t, by=0: finite_ticks((t // DAY - days_of(t).isoweekday() % 7 + by * 7) * DAY),
    "endofweek": lambda t, by=0: finite_ticks(
        (t // DAY - days_of(t).isoweekday() % 7 + by * 7 + 7) * DAY - 1
    ),
    "unixtime_microseconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s * 10)),
    "unixtime_nanoseconds_todatetime": lambda s: finite_ticks(621_355_968_000_000_000 + int(s // 100)),
}.items():
    gives(_name)(_body)


@gives("make_datetime")
def make_datetime(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: float = 0) -> Any:
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return None
    try:
        start = ticks_of(dt.date(year, month, day))
    except ValueError:
        return None
    return start + (hour * 3600 + minute * 60) * 10_000_000 + round(second * 10_000_000)


@gives("make_timespan")
def make_timespan(*parts: Any) -> Any:
    """Hours and minutes; with seconds; with days before them."""
    days, hours, minutes, seconds = {2: (0, *parts, 0), 3: (0, *parts), 4: parts}[len(parts)]
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60):
        return None
    return (days * 86_400 + hours * 3600 + minutes * 60) * 10_000_000 + round(seconds * 10_000_000)


@gives("format_timespan")
def format_timespan(ticks: int, form: str) -> str:
    size = abs(ticks)
    values = {
        "d": size // DAY,
        "h": size // 36_000_000_000 % 24,
        "m": size // 600_000_000 % 60,
        "s": size // 10_000_000 % 60,
    }
    fraction = f"{size % 10_000_000:07}"

    def one(token: re.Match[str]) -> str:
        letter, width = token.group()[0], len(token.group())
        if letter in "fF":
            return fraction[:width] if letter == "f" else fraction[:width].rstrip("0")
        return f"{values[letter.lower()]:0{width}}"

    return ("-" if ticks < 0 else "") + re.sub("d{1,8}|HH?|hh?|mm?|ss?|f{1,7}|F{1,7}", one, form)


def moment(ticks: int) -> dt.datetime:
    """To the microsecond."""
    return dt.datetime(1, 1, 1) + dt.timedelta(microseconds=ticks // 10)


def moved(ticks: int, by: dt.timedelta | None) -> int | None:
    return None if by is None else finite_ticks(ticks + (by.days * 86_400 + by.seconds) * 10_000_000)


@gives("datetime_utc_to_local")
def datetime_utc_to_local(ticks: int, zone: str) -> Any:
    known = place(zone)
    return known and moved(ticks, moment(ticks).replace(tzinfo=dt.UTC).astimezone(known).utcoffset())


@gives("datetime_local_to_utc")
def datetime_local_to_utc(ticks: int, zone: str) -> Any:
    """A time that the clocks skip is read as after the change."""
    known = place(zone)
    if known is None:
        return None
    local = moment(ticks).replace(tzinfo=known)
    there = local.astimezone(dt.UTC).astimezone(known).replace(tzinfo=None) == local.replace(tzinfo=None)
    away = local.replace(fold=0 if there else 1).utcoffset()
    return None if away is None else moved(ticks, -away)


def place(zone: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return None
