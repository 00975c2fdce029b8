"""Due windows: closed windows that have not run, have failed, or have late rows."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import (
    count_window_ends,
    find_latest_window,
    find_settle_time,
    iterate_window_ends,
)

if TYPE_CHECKING:
    from nephoscope.alerts.scheduling.late_arrivals import LateArrivals
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope.state.rules.rule_runs import RuleRun
    from nephoscope.state.rules.rule_state import RuleStanding

BEHIND = timedelta(days=14)
"""How far back windows are made up for after a stop; older ones are told of and left."""
MOST_TRIES = 6
"""How often a window is tried whose query takes too much time or memory, as in Sentinel."""
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)
"""How long a fault rests before it is tried again: twice as long after each try."""
PATIENCE = 0.1
"""How many seconds of cost a second of waiting outweighs, so that costly rules come to their turn."""


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """Status of a rule at scheduling time: its state, its last run and the runs that ended in a fault."""

    standing: RuleStanding
    last: RuleRun | None = None
    faults: Sequence[RuleRun] = ()

    @property
    def seconds(self) -> float:
        """Return what its last run took."""
        return self.last.seconds if self.last else 0.0


@dataclass(frozen=True, slots=True)
class DueWindows:
    """The windows of a rule to run, by their ends, the first first; `skipped` is how many lie too far back."""

    rule: AnalyticRule
    ends: tuple[datetime, ...]
    skipped: int = 0
    seconds: float = 0.0

    def compute_urgency(self, now: datetime, share: tuple[int, int]) -> tuple[bool, bool, float, str]:
        """Return what comes first: NRT rules, the worker's own share (its number of so many), what is cheap or has waited long."""
        number, of = share
        waiting = (now - self.ends[0]).total_seconds()
        mine = zlib.crc32(self.rule.id.encode()) % of == number
        return self.rule.kind is not RuleKind.NRT, not mine, self.seconds - PATIENCE * waiting, self.rule.id


def hash_rule(rule: AnalyticRule) -> str:
    """Return what stands for all of a rule that decides whether it can be run."""
    text = f"{rule.kind.value} {rule.frequency} {rule.period} {rule.query}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def find_due_windows(
    rule: AnalyticRule,
    known: RuleStatus,
    lateness: LateArrivals,
    reading: LakeReading,
    now: datetime,
    settle: timedelta,
) -> DueWindows:
    """The windows of a rule to run now; of a rule that never ran the last one that is over."""
    standing, last = known.standing, known.last
    if standing.disabled is not None and standing.digest == hash_rule(rule):
        return DueWindows(rule, ())
    over, oldest = now - find_settle_time(rule, settle), now - BEHIND
    if last is None:
        return DueWindows(rule, (find_latest_window(rule, over).end,))
    found = set(iterate_window_ends(rule, max(last.until, oldest), over))
    found.update(one.until for one in known.faults if one.until <= over and is_backing_off(one, now))
    found.update(lateness.list_window_ends(rule, standing, reading, last.until, oldest))
    return DueWindows(rule, tuple(sorted(found)), count_window_ends(rule, last.until, oldest), known.seconds)


def is_backing_off(run: RuleRun, now: datetime) -> bool:
    """Return whether a fault has rested long enough; also where the clock was set back behind it."""
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(run.tries - 1, 10))
    return not run.finished <= now < run.finished + pause


def count_missed_windows(rule: AnalyticRule, last: RuleRun, now: datetime) -> int:
    """Count how many windows are over and were not run."""
    return count_window_ends(rule, last.until, now - find_settle_time(rule))
