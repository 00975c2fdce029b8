"""Late arrivals: rows that arrive after their window ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import iterate_window_ends
from nephoscope.lake.errors import LakeError
from nephoscope.lake.storage.table_additions import GRAIN, MINUTE, AddedRows, Additions

if TYPE_CHECKING:
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope.state.rules.rule_state import RuleStanding

_LEAST = timedelta(microseconds=1)
_Known = tuple[dict[str, int], datetime | None, datetime]
"""What was written down of a rule when a process looked: versions, when they were looked at, the end of its last window."""


@dataclass(slots=True)
class LateArrivals:
    """Late arrivals of rows by rule. A table at the version that a rule has seen costs nothing.

    `first` returns the end of the first window that a rule ran (None = none ran): no earlier window becomes due.
    """

    additions: Additions
    first: Callable[[str], datetime | None]
    _looked: dict[str, tuple[_Known, dict[str, int]]] = field(default_factory=dict)

    def list_window_ends(
        self,
        rule: AnalyticRule,
        standing: RuleStanding,
        reading: LakeReading,
        until: datetime,
        oldest: datetime,
    ) -> list[datetime]:
        """The ends of the windows of a rule, run already (the last one ended at `until`), in which rows are that it has not seen."""
        try:
            return self._list_late_window_ends(rule, standing, reading, until, oldest)
        except (LakeError, OSError):
            # a table that cannot be read: the rule's own run tells of it, and what came is looked at when it can be read again
            return []

    def _list_late_window_ends(
        self,
        rule: AnalyticRule,
        standing: RuleStanding,
        reading: LakeReading,
        until: datetime,
        oldest: datetime,
    ) -> list[datetime]:
        known = standing.seen, standing.looked, until
        key, looked = self._looked.get(rule.id, (None, standing.seen))
        before = looked if key == known else standing.seen
        added, now = AddedRows(), dict(before)
        for table, version in before.items():
            snapshot = reading.snapshot(table)
            if snapshot is not None and snapshot.version > version:
                added |= self.additions.read_rows_added_between(
                    table, version, snapshot, standing.looked, oldest
                )
                now[table] = snapshot.version
        found = find_stale_windows(rule, added, until, oldest)
        if found:
            first = self.first(rule.id)
            found = [end for end in found if first is not None and end >= first]
        if not found:
            # nothing is written down for it: after a start the same versions are looked at once more
            self._looked[rule.id] = known, now
        return found


def find_stale_windows(
    rule: AnalyticRule, added: AddedRows, until: datetime, oldest: datetime
) -> list[datetime]:
    """The ends, up to `until`, of the windows in which rows are news."""
    if rule.kind is RuleKind.NRT:
        moments, step = added.came, MINUTE
    else:
        moments, step = added.happened, GRAIN
    late = (moment for moment in moments if moment < until)
    # the last window that a row can be in begins within its step
    found = {
        end
        for moment in late
        for end in iterate_window_ends(rule, moment, moment + step + rule.period - _LEAST)
    }
    return sorted(end for end in found if oldest < end <= until)
