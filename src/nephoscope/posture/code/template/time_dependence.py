"""Time dependence: record whether a verdict read the current time."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from typing import Any, Self


class WatchedTime(datetime):
    """An aware time; `asked` is True once its value was read. Comparing it, as exemptions with their expiry do, is not asking."""

    asked: bool = False

    @classmethod
    def of(cls, time: datetime) -> WatchedTime:
        """Watch a time."""
        return cls.combine(time.date(), time.timetz())

    def astimezone(self, tz: tzinfo | None = None) -> Self:
        """Give the time in a zone; the time is asked for."""
        self.asked = True
        return super().astimezone(tz)

    def isoformat(self, *arguments: Any, **options: Any) -> str:
        """Give the time as text; the time is asked for."""
        self.asked = True
        return super().isoformat(*arguments, **options)

    def strftime(self, format: str) -> str:  # noqa: A002 - as datetime names it
        """Give the time as text; the time is asked for."""
        self.asked = True
        return super().strftime(format)

    def timestamp(self) -> float:
        """Give the time in seconds; the time is asked for."""
        self.asked = True
        return super().timestamp()

    def __add__(self, other: timedelta) -> Self:
        self.asked = True
        return super().__add__(other)

    def __sub__(self, other: Any) -> Any:
        self.asked = True
        return super().__sub__(other)
