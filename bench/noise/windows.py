"""Every window of every rule over a stretch of days: windows that surely have no row are left out, as a backfill leaves them out, and
those whose block finds nothing are passed over, unless all are asked for.
"""

from __future__ import annotations

import pickle
import re
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nephoscope.alerts.rules.query_result import RuleResultRow, iterate_findings
from nephoscope.alerts.rules.rule import AnalyticRule
from nephoscope.alerts.rules.window import RuleWindow, build_window, iterate_window_ends
from nephoscope.alerts.scheduling.window_prefilter import WindowPlan
from nephoscope.alerts.tuning.replay import CachingDetector
from nephoscope.lake.lake import Lake
from nephoscope.lake.queries.consistent_queries import SHARED_FROM, LakeReading, QueryDemand
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope_kql.errors import KqlError

BLOCKS = tuple(timedelta(hours=hours) for hours in (144, 24, 4))
#: So many windows are run one by one: looking at blocks of them first would not be less.
FEW = 12
#: Queries that say nothing of a part of a time by what they say of all of it: each window is run.
_WHOLE = re.compile(r"series_|make-series|stdev|avg\(|percentile|variance|autocluster|diffpatterns")
#: Queries that go on only with what is loud in their last hour: other windows find nothing.
_LOUD = re.compile(
    r"let loud = .*?summarize Seen = sum\(Amount\)(?: by ([\w, ]+?) \|)?.*?where (?:Seen|loud) >= (\d+)",
    re.DOTALL,
)
_RECENT = re.compile(r"ago\(\s*1h\s*\)")
SPAN = timedelta(days=60)
"""How far back rows are kept in memory: all days, and what the longest period looks at before them."""
NOW = datetime(2100, 1, 1, tzinfo=UTC)
Known = dict[tuple[str, RuleWindow], tuple[int, list[RuleResultRow]]]


@dataclass(slots=True)
class Windows:
    """Runs rules over a lake; what was found is kept in a file, so that only rules that changed are run again."""

    lake: Lake
    kept: Path
    exact: bool = False
    knows: Known = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    _done: set[tuple[Any, ...]] = field(default_factory=set)
    _reading: LakeReading | None = None

    def __post_init__(self) -> None:
        if self.kept.exists():
            self.knows, self.seconds, self._done = pickle.loads(self.kept.read_bytes())

    def run(
        self, rules: Sequence[AnalyticRule], since: datetime, until: datetime
    ) -> list[tuple[datetime, AnalyticRule]]:
        """Look at all windows that end in (since, until]; (end, rule) of those with rows, in the order of the time."""
        left = [one for one in rules if self._key(one, since, until) not in self._done]
        if left:
            with self.lake.reading("default") as self._reading:
                self._keep(left, until)
                self._all(left, since, until)
        found = [
            (end, rule)
            for rule in rules
            for end in iterate_window_ends(rule, since, until)
            if self.knows.get((rule.query, build_window(rule, end)), (0, []))[0] or rule.operator != "gt"
        ]
        return sorted(found, key=lambda one: (one[0], one[1].id))

    def _key(self, rule: AnalyticRule, since: datetime, until: datetime) -> tuple[Any, ...]:
        return rule.query, str(rule.frequency), str(rule.period), since, until, self.exact

    def _keep(self, rules: Sequence[AnalyticRule], until: datetime) -> None:
        """Have the rows of all days in memory: the windows of all rules are looked at one after the other."""
        assert self._reading is not None
        self._reading.memory, self._reading.kept_bytes = "3GB", 2 << 30
        span, demands = RowSpan(until - SPAN, until), []
        for rule in rules:
            try:
                demand = QueryDemand(self._reading.compile(rule.query, until), span)
            except KqlError:  # told when it is run
                continue
            demands += [demand] * SHARED_FROM
        self._reading.keep(demands)

    def _all(self, rules: Sequence[AnalyticRule], since: datetime, until: datetime) -> None:
        began = time.monotonic()
        for number, rule in enumerate(rules):
            self._rule(rule, since, until)
            self._done.add(self._key(rule, since, until))
            self.kept.write_bytes(pickle.dumps((self.knows, self.seconds, self._done)))
            print(f"{number + 1}/{len(rules)} {time.monotonic() - began:.0f} s {rule.name}", file=sys.stderr)

    def detector(self, reading: LakeReading) -> CachingDetector:
        """A detector that knows what was found; windows that were passed over found nothing."""
        return Recalling(self.lake, "default", reading=reading, knows=self.knows)

    def _rule(self, rule: AnalyticRule, since: datetime, until: datetime) -> None:
        began = time.process_time()
        assert self._reading is not None
        live = WindowPlan(self._reading).select_windows(rule, list(iterate_window_ends(rule, since, until)))
        if len(live) >= SHARED_FROM:
            self._reading.foresee(rule.query, RowSpan(live[0] - rule.period, live[-1]))
        for end in self._wanted(rule, live, since, until):
            self._one(rule, end)
        self._reading.drop_foreseen(rule.query)
        self.seconds[rule.id] = time.process_time() - began

    def _wanted(
        self, rule: AnalyticRule, live: Sequence[datetime], since: datetime, until: datetime
    ) -> Iterator[datetime]:
        """The ends of those windows, among the ones that may have rows, that are run."""
        few = len(live) <= FEW or self.exact or rule.frequency >= timedelta(hours=6)
        if few or rule.operator != "gt" or rule.threshold:
            yield from live
        elif _LOUD.search(rule.query):
            yield from sorted(set(live) & set(self._loud(rule, since, until)))
        elif _WHOLE.search(rule.query):
            yield from live
        else:
            yield from self._within(rule, live, since, until, BLOCKS)

    def _loud(self, rule: AnalyticRule, since: datetime, until: datetime) -> Iterator[datetime]:
        """The ends of windows in whose last hour something is loud: the query's own test, of all hours at once."""
        match = _LOUD.search(rule.query)
        assert match is not None
        assert self._reading is not None
        keys, least = match.groups()
        by = f", {keys}" if keys else ""
        text = (
            f"{rule.query[: match.start()]}events | summarize Seen = sum(Amount) by Hour = bin(TimeGenerated, 1h){by}"
            f" | where Seen >= {least} | distinct Hour"
        )
        span = RowSpan(since - rule.period, until)
        table = self._reading.rows(self._reading.compile(text, until), text, span)
        hours = {one.list_times()[0] for one in iterate_findings(table.rename_columns(["TimeGenerated"]))}
        yield from (
            end for end in iterate_window_ends(rule, since, until) if end - timedelta(hours=1) in hours
        )

    def _within(
        self,
        rule: AnalyticRule,
        live: Sequence[datetime],
        since: datetime,
        until: datetime,
        blocks: tuple[timedelta, ...],
    ) -> Iterator[datetime]:
        """The ends of windows in a stretch, among those that may have rows, whose block, looked at as one window, finds something."""
        live = live[bisect_right(live, since) : bisect_right(live, until)]
        if not blocks or len(live) <= len(blocks):
            yield from live
            return
        while since < until:
            end = min(since + blocks[0], until)
            some = live[bisect_right(live, since) : bisect_right(live, end)]
            if some and (len(some) == 1 or self._finds(rule, since, end)):
                yield from self._within(rule, some, since, end, blocks[1:])
            since = end

    def _finds(self, rule: AnalyticRule, since: datetime, until: datetime) -> bool:
        hours = (until - since) // timedelta(hours=1)
        wide = replace(rule, query=_RECENT.sub(f"ago({hours}h)", rule.query), threshold=0)
        window = RuleWindow(since + rule.frequency - rule.period, until)
        found = CachingDetector(self.lake, "default", reading=self._reading).run(wide, window, NOW)
        return bool(found.rows or found.error)

    def _one(self, rule: AnalyticRule, end: datetime) -> None:
        detector = CachingDetector(self.lake, "default", reading=self._reading, knows=self.knows)
        outcome = detector.run(rule, build_window(rule, end), NOW)
        if outcome.error:
            self.errors[rule.name] = outcome.error
        if not outcome.rows:
            self.knows.pop((rule.query, build_window(rule, end)), None)


@dataclass(frozen=True, slots=True)
class Recalling(CachingDetector):
    """Knows all there is: what it does not know found nothing."""

    def _read_rows(self, rule: AnalyticRule, window: RuleWindow, *_: Any) -> tuple[int, list[RuleResultRow]]:
        return self.knows.get((rule.query, window), (0, []))
