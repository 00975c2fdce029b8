"""Evaluation clock: the time of an evaluation, which notes until when the answers that it gave stay as they are."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

_LEAST = timedelta(microseconds=1)


class NotedClock:
    """An aware time. `until` is the last time at which everything that was asked has the same answer; None = for ever.

    Reading the time itself gives an answer of this time alone; asking for the day, or whether something is older than a span, one
    that stays for longer.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self.until: datetime | None = None

    def read(self) -> datetime:
        """Return the time."""
        self._note_valid_until(self._now)
        return self._now

    def get_today(self) -> date:
        """Return the day in UTC."""
        day = self._now.astimezone(UTC).date()
        self._note_valid_until(datetime.combine(day + timedelta(days=1), time(), UTC) - _LEAST)
        return day

    def is_older(self, when: datetime, span: timedelta) -> bool:
        """Return whether more than a span has passed since an aware time."""
        older = self._now - when > span
        if not older:
            self._note_valid_until(when + span)
        return older

    def has_passed(self, when: datetime) -> bool:
        """Return whether an aware time lies before."""
        return self.is_older(when, timedelta())

    def _note_valid_until(self, until: datetime) -> None:
        self.until = until if self.until is None else min(self.until, until)
