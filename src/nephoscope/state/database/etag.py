"""Etags: the moment of the last change of what is kept, as those name it who change it later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
#: No moment that can be kept has more hexadecimal digits.
_MOST = 15


def to_etag(changed: datetime) -> str:
    """Microseconds since 1970 in hexadecimal digits."""
    return f"{(changed - _EPOCH) // _MICROSECOND:x}"


def parse_etag(etag: str) -> datetime | None:
    """The moment that an etag was made of; None where it was made of none."""
    try:
        return _EPOCH + int(etag, 16) * _MICROSECOND if 0 < len(etag) <= _MOST else None
    except (ValueError, OverflowError):
        return None
