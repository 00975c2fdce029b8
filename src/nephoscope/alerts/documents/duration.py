"""Durations as rules write them (`5m`, `1h`, `14d`, `PT5H`, `P1DT12H`), and as rows of alerts do (`05:00:00`, `14.00:00:00`)."""

from __future__ import annotations

import re
from datetime import timedelta

_SHORT = re.compile(r"\s*(\d{1,6})\s*([dhms])\s*", re.ASCII)
_ISO = re.compile(r"P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?", re.ASCII)
_CALENDAR = re.compile(r"P(?=\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T.*)?", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,6})\.)?(\d{2}):(\d{2}):(\d{2})", re.ASCII)
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def parse_duration(text: str) -> timedelta:
    """The span; raises ValueError with what would do."""
    if short := _SHORT.fullmatch(text):
        return timedelta(**{_UNITS[short[2]]: int(short[1])})
    iso = _CLOCK.fullmatch(text.strip()) or _ISO.fullmatch(text.strip().upper())
    if iso is None and _CALENDAR.fullmatch(text.strip().upper()):
        raise ValueError(
            f"{text!r:.60} counts years or months, which have no fixed length: write days, such as P365D"
        )
    if iso is None or not any(iso.groups()):
        raise ValueError(f"{text!r:.60} is not a duration such as 5m, 1h, 14d or PT5H")
    days, hours, minutes, seconds = (int(one or 0) for one in iso.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def format_duration(span: timedelta) -> str:
    """The span as short as rules write it."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def format_timespan(span: timedelta) -> str:
    """The span as Sentinel writes it into rows: `05:00:00`, `14.00:00:00`."""
    hours, rest = divmod(span.seconds, 3600)
    clock = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    return f"{span.days}.{clock}" if span.days else clock
