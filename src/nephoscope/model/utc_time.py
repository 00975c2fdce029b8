"""Times without a zone, which are UTC wherever the product reads one."""

from __future__ import annotations

from datetime import UTC, datetime


def assume_utc(time: datetime) -> datetime:
    """Return a time as it is, or in UTC where it states no zone."""
    return time if time.tzinfo else time.replace(tzinfo=UTC)
