"""Backfill: run every window between two past times in order, as the schedule would have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.detector import Detector, RuleOutcome
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import (
    SETTLE,
    build_look_back_window,
    find_settle_time,
    iterate_window_ends,
)
from nephoscope.alerts.scheduling.backfill_progress import CoveredSpan, LookBackProgress
from nephoscope.alerts.scheduling.due_windows import hash_rule
from nephoscope.alerts.scheduling.run_batch import RuleLease, RuleRunResult, RunBatch
from nephoscope.alerts.scheduling.schedule import PAUSE, TAKEN, Schedule
from nephoscope.alerts.scheduling.window_prefilter import WindowPlan, reads_own_tables
from nephoscope.alerts.tuning.tuning_history import TuningHistory
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.consistent_queries import SHARED_FROM, QueryDemand
from nephoscope.lake.queries.time_span import RowSpan
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state import StateError
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope.state.leases.lease_renewal import Turns

STRETCH = timedelta(days=30)
"""How much is planned at once."""
DAY = timedelta(days=1)
AT_ONCE = 500
"""For how many windows rows are brought into memory together."""
_LEAST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PlannedWindow:
    """A window to run: when the schedule would have run it, of which rule, and its end."""

    due: datetime
    rule: AnalyticRule
    end: datetime

    @property
    def order(self) -> tuple[datetime, bool, str]:
        """The order of a schedule: what is due first, NRT rules before others."""
        return self.due, self.rule.kind is not RuleKind.NRT, self.rule.id


@dataclass(slots=True)
class LookBackStretch:
    """The windows of one rule in a stretch of time that is being looked at: their ends, and what the rule reads."""

    rule: AnalyticRule
    ends: list[datetime]
    digest: str
    seen: dict[str, int]
    failed: set[datetime] = field(default_factory=set)


@dataclass(slots=True)
class LookBack:
    """Runs the windows of a schedule's rules between two times, beside whoever runs that schedule.

    A rule's lease is held only while alerts are stored. What was run before over the same rows is not run again, but where `again`.
    """

    schedule: Schedule
    again: bool = False
    windows: int = 0
    empty: int = 0
    _broken: set[str] = field(default_factory=set)

    def run(self, since: datetime, until: datetime, now: datetime) -> Iterator[RuleRunResult]:
        """Run the windows that look at what happened in [since, until) and are over by now; those that surely have no row are counted.

        StateError where another process looks back in this workspace.
        """
        schedule = self.schedule
        history = TuningHistory.load(schedule.state, schedule.lake, schedule.workspace)
        with schedule.get_turns() as turns, turns.acquire(f"look back/{schedule.workspace}") as lease:
            if lease is None:
                raise StateError("another process is running a backfill in this workspace: try again later")
            start = since
            while start < until and not schedule.is_stopping:
                end = min(start + STRETCH, until)
                yield from self._run_span(start, end, until, now, history, turns)
                start = end
        deliver_outbox(schedule.lake, schedule.state)

    def list_window_ends(
        self, rule: AnalyticRule, since: datetime, until: datetime, last: datetime, now: datetime
    ) -> list[datetime]:
        """Return the ends of windows in (since, until]; at the `last` time up to the first that has all rows before it."""
        reach = until + rule.frequency - _LEAST if until == last else until
        return list(
            iterate_window_ends(rule, since, min(reach, now - find_settle_time(rule, self.schedule.settle)))
        )

    # --- one stretch ---------------------------------------------------------------------------------------------

    def _run_span(
        self,
        since: datetime,
        until: datetime,
        last: datetime,
        now: datetime,
        history: TuningHistory,
        turns: Turns,
    ) -> Iterator[RuleRunResult]:
        schedule = self.schedule
        looked = LookBackProgress.load(schedule.state, schedule.workspace)
        with ExitStack() as opened:
            readings = _Readings(schedule, opened)
            schedule.reading = readings.first
            stretches, planned = self._plan_windows(readings.first, looked, since, until, last, now)
            noted, planned = since, sorted(planned, key=lambda one: one.order)
            self._precompute_windows(readings.first, stretches, planned)
            for place, one in enumerate(planned):
                if place % AT_ONCE == 0:
                    self._share_rows(readings.first, planned[place : place + AT_ONCE])
                if schedule.is_stopping:
                    self._record_windows(looked, stretches, noted, one.due - SETTLE * 2)
                    return
                if one.due > noted + DAY:
                    self._record_windows(looked, stretches, noted, one.due - SETTLE * 2)
                    noted = one.due - SETTLE * 2
                yield from self._run_window(one, stretches[one.rule.id], now, history, turns, readings)
            self._record_windows(looked, stretches, noted, until + STRETCH)
            if readings.outdated and until < last:  # for the stretch that follows
                readings.read_newest()

    def _plan_windows(
        self,
        reading: LakeReading,
        looked: LookBackProgress,
        since: datetime,
        until: datetime,
        last: datetime,
        now: datetime,
    ) -> tuple[dict[str, LookBackStretch], list[PlannedWindow]]:
        plan, stretches, planned = WindowPlan(reading, self.schedule.timeout), {}, []
        for rule in self.schedule.rules:
            if rule.kind is RuleKind.HUNTING or rule.id in self._broken or self.schedule.is_stopping:
                continue
            stretch = self._plan_span(reading, rule, self.list_window_ends(rule, since, until, last, now))
            if not self.again:
                stretch.ends = [
                    end
                    for end in stretch.ends
                    if not looked.was_run(rule.id, end, stretch.digest, stretch.seen)
                ]
            stretches[rule.id] = stretch
            live = stretch.ends
            if not reads_own_tables(stretch.seen):
                live = plan.select_windows(rule, stretch.ends)
            self.windows += len(stretch.ends)
            self.empty += len(stretch.ends) - len(live)
            wait = find_settle_time(rule, self.schedule.settle)
            planned += [PlannedWindow(end + wait, rule, end) for end in live]
        return stretches, planned

    def _precompute_windows(
        self, reading: LakeReading, stretches: dict[str, LookBackStretch], planned: list[PlannedWindow]
    ) -> None:
        """Compute once what the windows of a rule have in common."""
        counts = Counter(one.rule.id for one in planned)
        for rule, first, last in _collect_spans(planned):
            if counts[rule.id] >= SHARED_FROM and not reads_own_tables(stretches[rule.id].seen):
                reading.foresee(rule.query, RowSpan(first - rule.period, last), self.schedule.timeout)

    def _share_rows(self, reading: LakeReading, planned: list[PlannedWindow]) -> None:
        """Bring into memory what several of the next windows read, or what they have in common."""
        reading.forget()
        demands = []
        for rule, first, last in _collect_spans(planned):
            if reading.is_foreseen(rule.query):
                continue
            with suppress(KqlError, LakeError, OSError):  # told when the rule is run
                compiled = reading.compile(rule.query, last)
                demands.append(QueryDemand(compiled, RowSpan(first - rule.period, last)))
        reading.keep(demands)

    def _plan_span(
        self, reading: LakeReading, rule: AnalyticRule, several: list[datetime]
    ) -> LookBackStretch:
        seen: dict[str, int] = {}
        try:
            if several:
                seen = reading.list_versions(reading.compile(rule.query, several[-1]), rule.query)
        except (KqlError, LakeError, OSError):
            # its first window tells of it
            seen = {}
        return LookBackStretch(rule, several, hash_rule(rule), seen)

    def _record_windows(
        self,
        looked: LookBackProgress,
        stretches: dict[str, LookBackStretch],
        after: datetime,
        until: datetime,
    ) -> None:
        """Keep which windows in (after, until] were run; those that failed are left."""
        for stretch in stretches.values():
            rule = stretch.rule
            for end in [one for one in stretch.ends if after < one <= until]:
                if end not in stretch.failed and rule.id not in self._broken:
                    looked.add(rule.id, CoveredSpan(end - rule.frequency, end, stretch.digest, stretch.seen))
        looked.save()

    # --- one window ----------------------------------------------------------------------------------------------

    def _run_window(
        self,
        one: PlannedWindow,
        stretch: LookBackStretch,
        now: datetime,
        history: TuningHistory,
        turns: Turns,
        readings: _Readings,
    ) -> Iterator[RuleRunResult]:
        schedule, rule = self.schedule, history.get_tuning_at(one.end).apply_to_rule(one.rule)
        if not rule.enabled or rule.id in self._broken:
            return
        schedule.reading = readings.read_newest() if reads_own_tables(stretch.seen) else readings.first
        window = build_look_back_window(rule, one.end, self._find_near_real_time_limit(rule, now))
        detector = Detector(schedule.lake, schedule.workspace, schedule.timeout, schedule.reading)
        outcome = detector.run(schedule.with_learned(rule), window, one.due)
        ran = self._keep_outcome(outcome, one.due, now, turns) if outcome.alerts else RuleRunResult(outcome)
        readings.outdated = readings.outdated or bool(ran.taken.alerts or ran.taken.suppressed)
        if ran.outcome.error:
            stretch.failed.add(one.end)
            if schedule.is_stopping:
                return
            if not ran.outcome.fault:
                self._broken.add(rule.id)
        yield ran

    def _find_near_real_time_limit(self, rule: AnalyticRule, now: datetime) -> datetime | None:
        """Return when the schedule began to look at what comes for an NRT rule; None of other rules."""
        if rule.kind is not RuleKind.NRT:
            return None
        first = self.schedule.state.rule_runs.first(self.schedule.workspace, rule.id)
        return now if first is None else first - rule.frequency

    def _keep_outcome(
        self, outcome: RuleOutcome, moment: datetime, now: datetime, turns: Turns
    ) -> RuleRunResult:
        """Store alerts under the rule's lease, which a schedule that runs the rule is waited for."""
        schedule = self.schedule
        patience = schedule.lease_seconds * 1.5
        name = schedule.build_lease_name(outcome.rule)
        with ExitStack() as held:
            lease = held.enter_context(turns.acquire(name))
            while lease is None and patience > 0:
                patience -= PAUSE
                schedule.wait(PAUSE)
                lease = held.enter_context(turns.acquire(name))
            if lease is None:
                return RuleRunResult(replace(outcome, alerts=(), error=TAKEN, fault=True))
            around = schedule.load_context(moment)
            found = RunBatch(turns, IncidentService(schedule.state, schedule.workspace, around), now)
            found.add(RuleLease(lease), outcome)
            found.store_outcomes()
            (ran,) = found.pop_results()
        return ran


@dataclass(slots=True)
class _Readings:
    """The lake as it was when the look back began, and for rules over alerts the one that has the alerts of earlier windows."""

    schedule: Schedule
    opened: ExitStack
    outdated: bool = False
    first: LakeReading = field(init=False)
    _newest: LakeReading | None = None

    def __post_init__(self) -> None:
        self.first = self.opened.enter_context(self.schedule.lake.reading(self.schedule.workspace))
        self.opened.callback(self._close_reading)

    def read_newest(self) -> LakeReading:
        """Return the lake with the alerts of the windows before."""
        if self.outdated:
            self._deliver_alerts()
            self._close_reading()
            self._newest = self.schedule.lake.reading(self.schedule.workspace)
            self.outdated = False
        return self._newest or self.first

    def _deliver_alerts(self) -> None:
        """Bring the alerts into their tables; another process that is at it is waited for as long as its turn lasts."""
        schedule, patience = self.schedule, self.schedule.lease_seconds * 1.5
        while (
            deliver_outbox(schedule.lake, schedule.state) is None
            and patience > 0
            and not schedule.is_stopping
        ):
            patience -= PAUSE
            schedule.wait(PAUSE)
        schedule.lake.flush()

    def _close_reading(self) -> None:
        if self._newest is not None:
            self._newest.close()
            self._newest = None


def _collect_spans(planned: Iterable[PlannedWindow]) -> list[tuple[AnalyticRule, datetime, datetime]]:
    """The rules of windows, each with the ends of its first and its last one."""
    found: dict[str, tuple[AnalyticRule, datetime, datetime]] = {}
    for one in planned:
        _, first, last = found.get(one.rule.id, (one.rule, one.end, one.end))
        found[one.rule.id] = one.rule, min(first, one.end), max(last, one.end)
    return list(found.values())
