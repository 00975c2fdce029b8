"""The windows of a rule: which times it looks at, and when each is run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.lake.queries.time_span import RowSpan

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
SETTLE, NRT_SETTLE = timedelta(minutes=5), timedelta(minutes=2)
"""How long a window waits for rows on their way before it is run, as in Sentinel."""
FURTHEST, EARLIEST = timedelta(days=14), timedelta(days=1)
"""How much older, and newer, than its window the rows of an NRT rule may be, whose window says when they came."""


@dataclass(frozen=True, slots=True)
class RuleWindow:
    """From `start` on until before `end`; `end` is what now() gives to the query.

    `looks_back`: the window of an NRT rule says when its rows happened too, and those are left out that came at `left_to` or later,
    which the schedule sees when they come.
    """

    start: datetime
    end: datetime
    looks_back: bool = False
    left_to: datetime | None = None

    def get_row_span(self, rule: AnalyticRule) -> RowSpan:
        """The rows that the rule sees: those that happened in the window, of an NRT rule on schedule those that came in it."""
        if rule.kind is RuleKind.NRT and self.looks_back:
            return RowSpan(self.start, self.end, self.left_to)
        if rule.kind is RuleKind.NRT:
            return RowSpan(self.start - FURTHEST, self.end + EARLIEST, self.end, self.start)
        return RowSpan(self.start, self.end)


def build_window(rule: AnalyticRule, end: datetime) -> RuleWindow:
    """The window of a rule that ends at a time."""
    return RuleWindow(end - rule.period, end)


def build_look_back_window(rule: AnalyticRule, end: datetime, left_to: datetime | None) -> RuleWindow:
    """The window of a look-back that ends at a time; `left_to`: when the schedule began to look at what comes."""
    if rule.kind is not RuleKind.NRT or left_to is None or end <= left_to - FURTHEST:
        return RuleWindow(end - rule.period, end, looks_back=True)
    return RuleWindow(end - rule.period, end, True, left_to)


def iterate_window_ends(rule: AnalyticRule, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when windows of the rule end: every multiple of its frequency since 1970 in (after, until], the same in every process."""
    step = (after - _FIRST) // rule.frequency + 1
    while (end := _FIRST + step * rule.frequency) <= until:
        yield end
        step += 1


def find_slot(rule: AnalyticRule, end: datetime) -> tuple[datetime, datetime]:
    """The step of the schedule that a time lies in, as (after, until]: a window that ends in it is an early look at its last one."""
    until = _FIRST - ((_FIRST - end) // rule.frequency) * rule.frequency
    return until - rule.frequency, until


def count_window_ends(rule: AnalyticRule, after: datetime, until: datetime) -> int:
    """Count how many windows end in (after, until]."""
    return max(0, (until - _FIRST) // rule.frequency - (after - _FIRST) // rule.frequency)


def find_settle_time(rule: AnalyticRule, settle: timedelta = SETTLE) -> timedelta:
    """Return how long after its end a window of the rule is run."""
    return min(settle, NRT_SETTLE) if rule.kind is RuleKind.NRT else settle


def find_latest_window(rule: AnalyticRule, now: datetime) -> RuleWindow:
    """The last window that is over."""
    return build_window(rule, _FIRST + ((now - _FIRST) // rule.frequency) * rule.frequency)
