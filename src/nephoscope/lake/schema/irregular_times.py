"""Irregular times in logs: second 60, hour 24, counts since 1970.

A leap second is the first of the next minute, as POSIX counts; 24:00 is the beginning of the next day (ISO 8601-1:2004, 4.2.3).
"""

from __future__ import annotations

import datetime as dt
import re

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
#: Seconds, milliseconds, microseconds or nanoseconds since 1970 have so many digits from September 2001 to November 2286.
_COUNT = re.compile(r"([1-9]\d{9}|[1-9]\d{12}|[1-9]\d{15}|[1-9]\d{18})(?:\.(\d{1,18}))?", re.ASCII)
_MICROSECOND = 16
_LEAP = re.compile(r"(?<=\d[T ]\d\d:[0-5]\d:)60(?!\d)", re.ASCII)
_MIDNIGHT = re.compile(r"(?<=\d[T ])24(?=:00(?::00(?:[.,]0{1,9})?)?(?:$| ?[Zz+-]| (?:UTC|GMT)$))", re.ASCII)
_NONE = dt.timedelta()


def parse_count(value: object) -> dt.datetime | None:
    """The moment of a count since 1970 whose unit its digits tell, as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _COUNT.fullmatch(value if isinstance(value, str) else repr(value))
    if found is None:
        return None
    digits = found[1] + (found[2] or "")
    whole = digits.ljust(_MICROSECOND + len(found[1]), "0")
    # 10 digits are seconds, and each three more a thousandth: microseconds are the first 16.
    return _EPOCH + dt.timedelta(microseconds=int(whole[:_MICROSECOND]))


def parse_time_with_carry(text: str) -> tuple[str, dt.timedelta]:
    """A text with a second 60 or an hour 24 as one that a calendar reads, and what is to be added to its time."""
    other = _LEAP.sub("59", text, count=1)
    if other != text:
        return other, dt.timedelta(seconds=1)
    other = _MIDNIGHT.sub("00", text, count=1)
    return other, dt.timedelta(days=1) if other != text else _NONE


def carry_clock_time(hour: int, minute: int, second: int) -> tuple[dt.time, dt.timedelta]:
    """Split a parsed clock time into a time and the days to add, as parse_time_with_carry() does for text; raises ValueError."""
    if second == 60:
        return dt.time(hour, minute, 59), dt.timedelta(seconds=1)
    if (hour, minute, second) == (24, 0, 0):
        return dt.time(0), dt.timedelta(days=1)
    return dt.time(hour, minute, second), _NONE
