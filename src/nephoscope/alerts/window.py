"""The windows of a rule: which times it looks at, and when each is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nephoscope.alerts.rule import Rule

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
SETTLE = timedelta(minutes=5)
"""How long a window waits for rows on their way before it is run, as in Sentinel."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on until before `end`; `end` is what now() gives to the query."""

    start: datetime
    end: datetime


def at(rule: Rule, end: datetime) -> Window:
    """The window of a rule that ends at a time."""
    return Window(end - rule.period, end)


def ends(rule: Rule, after: datetime, until: datetime) -> Iterator[datetime]:
    """When windows of the rule end: every multiple of its frequency since 1970 in (after, until], the same in every process."""
    step = (after - _FIRST) // rule.frequency + 1
    while (end := _FIRST + step * rule.frequency) <= until:
        yield end
        step += 1


def latest(rule: Rule, now: datetime) -> Window:
    """The last window that is over."""
    return at(rule, _FIRST + ((now - _FIRST) // rule.frequency) * rule.frequency)
