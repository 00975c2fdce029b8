"""The schedule: every window of every rule once, whoever runs it, however often it was stopped; late rows are looked at too."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.detector import TIMEOUT, Detector, RuleOutcome
from nephoscope.alerts.entities.enrichment_context import NOWHERE, EnrichmentContext, load_enrichment_context
from nephoscope.alerts.incidents.incident_service import IncidentService
from nephoscope.alerts.rules.rule import AnalyticRule, RuleKind
from nephoscope.alerts.rules.window import SETTLE, RuleWindow, build_window
from nephoscope.alerts.scheduling.ad_hoc_runs import save_run_result
from nephoscope.alerts.scheduling.due_windows import (
    BEHIND,
    DueWindows,
    RuleStatus,
    find_due_windows,
    hash_rule,
)
from nephoscope.alerts.scheduling.late_arrivals import LateArrivals
from nephoscope.alerts.scheduling.rule_state import RuleState
from nephoscope.alerts.scheduling.run_batch import MOST, RuleLease, RuleRunResult, RunBatch
from nephoscope.alerts.scheduling.window_prefilter import WindowPlan
from nephoscope.alerts.tuning.effective_rules import EffectiveTuning
from nephoscope.lake.errors import LakeError
from nephoscope.lake.queries.consistent_queries import QueryDemand
from nephoscope.lake.storage.table_additions import Additions
from nephoscope.lake.writing.outbox import deliver_outbox
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.lease_renewal import SECONDS, Turns
from nephoscope.state.rules.rule_state import RuleStanding
from nephoscope_kql.errors import KqlError

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.queries.consistent_queries import LakeReading
    from nephoscope.state import Lease, State

HEAVY = 20.0
"""Seconds from which on a rule is heavy: one worker of several always stays free of those."""
AROUND = timedelta(hours=1)
"""How long what is known around alerts (estate, watchlists, shared addresses) is taken for true."""
KEPT = BEHIND + timedelta(days=16)
"""How long runs are remembered."""
PRUNED = "detection/pruned"
ROUND = 2.0
"""Seconds that the rules of a round may be expected to take together."""
PAUSE = 0.5
TAKEN = "another process runs it: run it again when that is done"
GRACE = 10.0
"""Seconds that the query which runs may go on for when the schedule is to stop."""


@dataclass(frozen=True, slots=True)
class ScheduleTick:
    """One look at the schedule: its moment, and when (of time.monotonic) it is to end."""

    now: datetime
    until: float | None


@dataclass(slots=True)
class Schedule:
    """Runs what is due. Several may run on one state: a rule is run by one at a time (a lease), a window that is done by none.

    `share`: the number of this worker and of how many; it begins with its share and then takes what others have left.
    """

    lake: Lake
    state: State
    rules: Sequence[AnalyticRule]
    workspace: str
    settle: timedelta = SETTLE
    holder: str = field(default_factory=create_holder_name)
    share: tuple[int, int] = (0, 1)
    lease_seconds: float = SECONDS
    timeout: float = TIMEOUT
    more: bool = False
    _lateness: LateArrivals = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    reading: LakeReading | None = None
    _around: tuple[datetime, EnrichmentContext] | None = None

    def __post_init__(self) -> None:
        self._lateness = LateArrivals(
            Additions(self.lake.data), partial(self.state.rule_runs.first, self.workspace)
        )

    def run_all_rules_once(self, end: datetime, now: datetime) -> Iterator[RuleRunResult]:
        """Run every rule in the window that ends at a time, whatever was run before; the schedule goes on as if it had not been.

        Rules that another process runs are waited for, together as long as the turn of one that was killed lasts; then that is their
        error.
        """
        rules = self._load_enabled_rules(now)
        patience = self.lease_seconds * 1.5
        with self.lake.reading(self.workspace) as self.reading, self.get_turns() as turns:
            self._prepare_shared_rows(self.reading, [DueWindows(rule, (end,)) for rule in rules])
            for rule in rules:
                with ExitStack() as held:
                    lease = held.enter_context(turns.acquire(self.build_lease_name(rule)))
                    while lease is None and patience > 0 and not self._stopping.wait(PAUSE):
                        patience -= PAUSE
                        lease = held.enter_context(turns.acquire(self.build_lease_name(rule)))
                    if self._stopping.is_set():
                        break
                    if lease is None:
                        yield RuleRunResult(
                            RuleOutcome(rule, build_window(rule, end), error=TAKEN, fault=True)
                        )
                        continue
                    ran = self._run(rule, build_window(rule, end), now, lease)
                    save_run_result(self.state, self.workspace, ran)
                    yield ran
        deliver_outbox(self.lake, self.state)

    def tick(self, now: datetime | None = None, budget: float | None = None) -> Iterator[RuleRunResult]:
        """Run the windows that are due: those that were never run, that ended in a fault, and that late rows have come for.

        All of them, or the most urgent ones for about so many seconds; `more` says afterwards whether some were left.
        """
        moment = now or datetime.now(UTC)
        look = ScheduleTick(moment, None if budget is None else monotonic() + budget)
        self.more = False
        with self.lake.reading(self.workspace) as self.reading, self.get_turns() as turns:
            plan = deque(self._plan_due_windows(self.reading, moment))
            self._prepare_shared_rows(self.reading, plan)
            while plan and not self._is_over(look):
                yield from self._run_windows_together(self._select_round(plan, moment), plan, turns, look)
        self.more = self.more or bool(plan)
        self._prune_runs(moment)
        deliver_outbox(self.lake, self.state)

    def stop(self) -> None:
        """End after the window that is being run, or without it where it takes long: it is run again some other time."""
        self._stopping.set()
        timer = threading.Timer(GRACE, self._interrupt_reading)
        timer.daemon = True
        timer.start()

    def _interrupt_reading(self) -> None:
        if self.reading is not None:
            self.reading.interrupt()

    @property
    def is_stopping(self) -> bool:
        """Return whether it is to end."""
        return self._stopping.is_set()

    def wait(self, seconds: float) -> None:
        """Wait, unless it is to end."""
        self._stopping.wait(seconds)

    # --- what is due -----------------------------------------------------------------------------------------------

    def _load_enabled_rules(self, now: datetime) -> list[AnalyticRule]:
        """The rules that are run, as they are tuned now."""
        tuned = EffectiveTuning.load(self.state, self.lake, self.workspace, now)
        return [
            one
            for one in map(tuned.apply_to_rule, self.rules)
            if one.enabled and one.kind is not RuleKind.HUNTING
        ]

    def _plan_due_windows(self, reading: LakeReading, now: datetime) -> list[DueWindows]:
        """Return what is due, the most urgent first."""
        standings = self.state.rule_standings.all(self.workspace)
        last = self.state.rule_runs.last(self.workspace, before=now)
        faults = self.state.rule_runs.faults(self.workspace)
        found = []
        for rule in self._load_enabled_rules(now):
            standing = standings.get(rule.id) or self._build_new_standing(rule)
            known = RuleStatus(standing, last.get(rule.id), faults.get(rule.id, ()))
            found.append(find_due_windows(rule, known, self._lateness, reading, now, self.settle))
        return sorted(
            (one for one in found if one.ends), key=lambda one: one.compute_urgency(now, self.share)
        )

    def _load_statuses(self, rules: Sequence[AnalyticRule], now: datetime) -> dict[str, RuleStatus]:
        """Return what is known of rules now that nobody else runs them."""
        ids = [rule.id for rule in rules]
        standings = self.state.rule_standings.load_standings(self.workspace, ids)
        last = self.state.rule_runs.last(self.workspace, ids, now)
        faults = self.state.rule_runs.faults(self.workspace, ids)
        return {
            rule.id: RuleStatus(
                standings.get(rule.id) or self._build_new_standing(rule),
                last.get(rule.id),
                faults.get(rule.id, ()),
            )
            for rule in rules
        }

    def _build_new_standing(self, rule: AnalyticRule) -> RuleStanding:
        return RuleStanding(self.workspace, rule.id, hash_rule(rule))

    def _prepare_shared_rows(self, reading: LakeReading, plan: Iterable[DueWindows]) -> None:
        """Let the rules of one look share what they read: their last windows, and of a worker among several its own share."""
        demands = []
        for one in plan:
            if one.compute_urgency(one.ends[-1], self.share)[1]:
                continue
            try:
                compiled = reading.compile(one.rule.query, one.ends[-1])
            except (KqlError, LakeError, OSError):  # told when the rule is run
                continue
            demands.append(QueryDemand(compiled, build_window(one.rule, one.ends[-1]).get_row_span(one.rule)))
        reading.keep(demands)

    # --- rules that are run --------------------------------------------------------------------------------------

    def _is_over(self, look: ScheduleTick) -> bool:
        return self._stopping.is_set() or (look.until is not None and monotonic() > look.until)

    def _select_round(self, plan: deque[DueWindows], now: datetime) -> list[DueWindows]:
        """The rules of the next round: of one share, and together not expected to take long."""
        found, seconds = [plan.popleft()], 0.0
        seconds += found[0].seconds * len(found[0].ends)
        share = found[0].compute_urgency(now, self.share)[:2]
        while plan and len(found) < MOST:
            seconds += plan[0].seconds * len(plan[0].ends)
            if seconds > ROUND or plan[0].compute_urgency(now, self.share)[:2] != share:
                break
            found.append(plan.popleft())
        return found

    def _run_windows_together(
        self, several: list[DueWindows], plan: deque[DueWindows], turns: Turns, look: ScheduleTick
    ) -> Iterator[RuleRunResult]:
        """The windows of rules that are due, while nobody else runs these; those that had to wait go back into the plan."""
        with ExitStack() as held:
            if not self._may_run_heavy_rule(several[0], turns, held):
                self.more = True
                return
            incident_service = IncidentService(
                self.state, self.workspace, self._around[1] if self._around else NOWHERE
            )
            found = RunBatch(turns, incident_service, look.now)
            turns.watch = found.store_overdue
            try:
                yield from self._run_windows_one_by_one(found, several, plan, look)
            finally:
                turns.watch = lambda: None
                found.close()
            yield from found.pop_results()

    def _run_windows_one_by_one(
        self, found: RunBatch, several: list[DueWindows], plan: deque[DueWindows], look: ScheduleTick
    ) -> Iterator[RuleRunResult]:
        taken = found.acquire_leases([self.build_lease_name(one.rule) for one in several])
        self.more = self.more or len(taken) < len(several)
        mine = [one.rule for one in several if self.build_lease_name(one.rule) in taken]
        known = self._load_statuses(mine, look.now)
        for place, rule in enumerate(mine):
            turn = None if self._is_over(look) else found.acquire_rule_lease(self.build_lease_name(rule))
            if turn is None:
                # its lease was given back while another rule took long
                left = {one.id for one in mine[place:]}
                plan.extendleft(one for one in reversed(several) if one.rule.id in left)
                return
            try:
                yield from self._run_due_windows(found, turn, rule, known[rule.id], look)
            finally:
                found.end_turn(turn)

    def _run_due_windows(
        self, found: RunBatch, turn: RuleLease, rule: AnalyticRule, known: RuleStatus, look: ScheduleTick
    ) -> Iterator[RuleRunResult]:
        """The windows of a rule that are due."""
        assert self.reading is not None
        still = find_due_windows(rule, known, self._lateness, self.reading, look.now, self.settle)
        if not still.ends:
            return
        turn.course = RuleState.from_schedule(self.state, known, still)
        live = WindowPlan(self.reading, self.timeout).select_due_windows(rule, still.ends)
        for end in still.ends:
            if self._is_over(look):
                self.more = True
                return
            ran = self._run_window(rule, build_window(rule, end), look.now, is_empty=end not in live)
            outcome = turn.course.assess_outcome(ran)
            if outcome.error and self._stopping.is_set():
                return
            if outcome.alerts:
                found.incident_service = IncidentService(
                    self.state, self.workspace, self.load_context(look.now)
                )
            found.add(turn, outcome)
            yield from found.pop_results()
            # an outcome with an error was kept at once
            if turn.lost or (outcome.error and turn.course.standing.disabled is not None):
                return

    def _may_run_heavy_rule(self, planned: DueWindows, turns: Turns, held: ExitStack) -> bool:
        """Return whether a rule may be run now: of those that take long one worker less than there are runs one at a time."""
        _, workers = self.share
        if planned.seconds < HEAVY or workers == 1:
            return True
        names = (f"heavy/{self.workspace}/{place}" for place in range(workers - 1))
        return any(held.enter_context(turns.acquire(name)) is not None for name in names)

    def _run_window(
        self, rule: AnalyticRule, window: RuleWindow, now: datetime, *, is_empty: bool = False
    ) -> RuleOutcome:
        detector = Detector(self.lake, self.workspace, self.timeout, self.reading)
        return detector.run(self.with_learned(rule), window, now, is_empty=is_empty)

    def _run(self, rule: AnalyticRule, window: RuleWindow, now: datetime, lease: Lease) -> RuleRunResult:
        """Run one window, which is not noted, and keep what came of it."""
        outcome = self._run_window(rule, window, now)
        around = self.load_context(now) if outcome.alerts else NOWHERE
        found = RunBatch(self.get_turns(), IncidentService(self.state, self.workspace, around), now)
        found.add(RuleLease(lease), outcome)
        found.store_outcomes()
        return found.pop_results()[0]

    def load_context(self, now: datetime) -> EnrichmentContext:
        """Return what is known around alerts, not older than an hour."""
        if self._around is None or abs(now - self._around[0]) > AROUND:
            self._around = (now, load_enrichment_context(self.lake, self.workspace, now))
        return self._around[1]

    def with_learned(self, rule: AnalyticRule) -> AnalyticRule:
        """A rule that learns, with what it has learned up to now."""
        learning = rule.tuning.learning
        if learning is None:
            return rule
        knows = self.state.learned.load_for_rule(self.workspace, rule.id)
        return replace(rule, tuning=replace(rule.tuning, learning=replace(learning, knows=knows)))

    def get_turns(self) -> Turns:
        """Return the turns of this worker."""
        return Turns(self.state.leases, self.holder, self.lease_seconds)

    def build_lease_name(self, rule: AnalyticRule) -> str:
        """Return the name of the lease under which a rule is run."""
        return f"rule/{self.workspace}/{rule.id}"

    def _prune_runs(self, now: datetime) -> None:
        """Forget old runs, once a day."""
        today = now.date().isoformat()
        if self.state.checkpoints.get(PRUNED, self.workspace) != today:
            self.state.rule_runs.prune(self.workspace, now - KEPT)
            self.state.checkpoints.put(PRUNED, self.workspace, today)
