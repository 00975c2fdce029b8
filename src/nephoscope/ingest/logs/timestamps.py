"""Timestamps in the formats that log sources write.

Seen in the wild: seven digits of a second, offsets, `8/22/2022 6:11:52 PM` (month first), unpadded parts
(`2022-09-09T8:48:50.361Z`), leap seconds, the hour 24, seconds to nanoseconds since 1970. A time without a zone is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nephoscope.lake.schema.irregular_times import carry_clock_time, parse_count

_UNPADDED = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d{1,9}))?)?)?\s*"
    r"(Z|UTC|GMT|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,? (\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*([AP]M)?)?\s*(Z|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Numbers from here on count milliseconds, microseconds, nanoseconds: in the unit before they would lie beyond the year 5138.
_MILLISECONDS, _MICROSECONDS, _NANOSECONDS = 10**11, 10**14, 10**17
#: No zone is farther from UTC than this many hours.
_FARTHEST = 15
_DIVISORS = ((_NANOSECONDS, 1_000_000_000), (_MICROSECONDS, 1_000_000), (_MILLISECONDS, 1000))


def parse_moment(value: object) -> datetime | None:
    """The UTC moment that a text or number tells, None where it tells none; digits beyond the microsecond are cut."""
    if isinstance(value, str):
        return _parse_text(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return from_epoch(value)


def from_epoch(value: float) -> datetime | None:
    """The moment that a count since 1970 tells, its unit by its magnitude; None where no calendar has it."""
    divisor = next((divisor for least, divisor in _DIVISORS if abs(value) >= least), 1)
    try:
        if isinstance(value, int):
            whole, rest = divmod(value, divisor)
            return _EPOCH + timedelta(seconds=whole, microseconds=rest * 1_000_000 // divisor)
        return _EPOCH + timedelta(seconds=value / divisor)
    except (OverflowError, ValueError):
        return None


def _parse_text(text: str) -> datetime | None:
    if len(text) > 64 or not text.isascii():
        return None
    if text[4:5] != "-" and (counted := parse_count(text)):
        return counted
    try:
        found = datetime.fromisoformat(text)
        offset = found.utcoffset()
        if offset is not None and abs(offset) > timedelta(hours=_FARTHEST, minutes=59):
            return None
        if len(text) >= 19:
            return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    try:
        return _parse_unusual_time(text)
    except (ValueError, OverflowError):
        return None


def _parse_unusual_time(text: str) -> datetime | None:
    match = _UNPADDED.fullmatch(text)
    if match:
        year, month, day, hour, minute, second, fraction, zone = match.groups()
        return _build_time((year, month, day), (hour, minute, second), fraction, zone)
    match = _AMERICAN.fullmatch(text)
    if match is None:
        return None
    month, day, year, hour, minute, second, fraction, half, zone = match.groups()
    if half:
        if not 1 <= int(hour) <= 12:
            return None
        hour = str(int(hour) % 12 + 12 * (half.upper() == "PM"))
    return _build_time((year, month, day), (hour, minute, second), fraction, zone)


def _build_time(
    day: tuple[str, str, str],
    clock: tuple[str | None, str | None, str | None],
    fraction: str | None,
    zone: str | None,
) -> datetime:
    year, month, date = map(int, day)
    at, more = carry_clock_time(*(int(part or 0) for part in clock))
    micro = int(((fraction or "") + "000000")[:6])
    found = datetime(year, month, date, at.hour, at.minute, at.second, micro, tzinfo=UTC) + more
    if zone and zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours > _FARTHEST or minutes > 59:
            raise ValueError(zone)
        found -= sign * timedelta(hours=hours, minutes=minutes)
    return found
