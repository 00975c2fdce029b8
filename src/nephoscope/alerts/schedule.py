"""The schedule: every window of every rule once, whoever runs it, however often it was stopped; late rows are looked at too."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from nephoscope.alerts.desk import Desk, Taken
from nephoscope.alerts.detector import TIMEOUT, Detector, Outcome
from nephoscope.alerts.due import BEHIND, Due, Known, digest, due
from nephoscope.alerts.lateness import Lateness
from nephoscope.alerts.rule import Kind, Rule
from nephoscope.alerts.standing import Course
from nephoscope.alerts.surroundings import NOWHERE, Surroundings, surroundings
from nephoscope.alerts.tuning.tuned import Tuned
from nephoscope.alerts.turn import SECONDS, Turns
from nephoscope.alerts.window import SETTLE, Window, at
from nephoscope.kql.errors import KqlError
from nephoscope.lake.additions import Additions
from nephoscope.lake.errors import LakeError
from nephoscope.lake.outbox import deliver
from nephoscope.lake.reading import Demand
from nephoscope.lake.state import LeaseLostError
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.rule_standings import RuleStanding

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.reading import Reading
    from nephoscope.lake.state import Lease, State

HEAVY = 20.0
"""Seconds from which on a rule is heavy: one worker of several always stays free of those."""
AROUND = timedelta(hours=1)
"""How long what is known around alerts (estate, watchlists, shared addresses) is taken for true."""
KEPT = BEHIND + timedelta(days=16)
"""How long runs are remembered."""
PRUNED = "detection/pruned"
GRACE = 10.0
"""Seconds that the query which runs may go on for when the schedule is to stop."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A window that was run and what it changed; `notes` are what a person should know beside that.

    `lost`: another worker took the rule over meanwhile, so that nothing was changed.
    """

    outcome: Outcome
    taken: Taken = field(default_factory=Taken)
    notes: tuple[str, ...] = ()
    lost: bool = False


@dataclass(slots=True)
class Schedule:
    """Runs what is due. Several may run on one state: a rule is run by one at a time (a lease), a window that is done by none.

    `share`: the number of this worker and of how many; it begins with its share and then takes what others have left.
    """

    lake: Lake
    state: State
    rules: Sequence[Rule]
    workspace: str
    settle: timedelta = SETTLE
    holder: str = field(default_factory=new_holder)
    share: tuple[int, int] = (0, 1)
    lease_seconds: float = SECONDS
    timeout: float = TIMEOUT
    more: bool = False
    _lateness: Lateness = field(init=False)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _reading: Reading | None = None
    _around: tuple[datetime, Surroundings] | None = None

    def __post_init__(self) -> None:
        self._lateness = Lateness(Additions(self.lake.data))

    def once(self, end: datetime, now: datetime) -> Iterator[Ran]:
        """Run every rule in the window that ends at a time, whatever was run before; the schedule goes on as if it had not been."""
        rules = self._enabled(now)
        with self.lake.reading(self.workspace) as self._reading, self._turns() as turns:
            self._prepare(self._reading, [Due(rule, (end,)) for rule in rules])
            for rule in rules:
                with turns.take(self._name(rule)) as lease:
                    if lease is not None and not self._stopping.is_set():
                        yield self._run(rule, at(rule, end), now, lease, None)
        deliver(self.lake, self.state)

    def tick(self, now: datetime | None = None, budget: float | None = None) -> Iterator[Ran]:
        """Run the windows that are due: those that were never run, that ended in a fault, and that late rows have come for.

        All of them, or the most urgent ones for about so many seconds; `more` says afterwards whether some were left.
        """
        moment = now or datetime.now(UTC)
        until = None if budget is None else monotonic() + budget
        self.more = False
        with self.lake.reading(self.workspace) as self._reading, self._turns() as turns:
            plan = self._plan(self._reading, moment)
            self._prepare(self._reading, plan)
            for one in plan:
                if self._stopping.is_set() or (until is not None and monotonic() > until):
                    self.more = True
                    break
                yield from self._alone(one, turns, self._reading, moment, until)
        self._prune(moment)
        deliver(self.lake, self.state)

    def stop(self) -> None:
        """End after the window that is being run, or without it where it takes long: it is run again some other time."""
        self._stopping.set()
        timer = threading.Timer(GRACE, self._interrupt)
        timer.daemon = True
        timer.start()

    def _interrupt(self) -> None:
        if self._reading is not None:
            self._reading.interrupt()

    @property
    def stopping(self) -> bool:
        """Whether it is to end."""
        return self._stopping.is_set()

    def rest(self, seconds: float) -> None:
        """Wait, unless it is to end."""
        self._stopping.wait(seconds)

    # --- what is due -----------------------------------------------------------------------------------------------

    def _enabled(self, now: datetime) -> list[Rule]:
        """The rules that are run, as they are tuned now."""
        tuned = Tuned.load(self.state, self.lake, self.workspace, now)
        return [one for one in map(tuned.rule, self.rules) if one.enabled and one.kind is not Kind.HUNTING]

    def _plan(self, reading: Reading, now: datetime) -> list[Due]:
        """What is due, the most urgent first."""
        standings = self.state.rule_standings.all(self.workspace)
        last = self.state.rule_runs.last(self.workspace, before=now)
        faults = self.state.rule_runs.faults(self.workspace)
        found = []
        for rule in self._enabled(now):
            standing = standings.get(rule.id) or self._new(rule)
            known = Known(standing, last.get(rule.id), faults.get(rule.id, ()))
            found.append(due(rule, known, self._lateness, reading, now, self.settle))
        return sorted((one for one in found if one.ends), key=lambda one: one.urgency(now, self.share))

    def _known(self, rule: Rule, now: datetime) -> Known:
        """What is known of a rule now that nobody else runs it."""
        standing = self.state.rule_standings.get(self.workspace, rule.id)
        last = self.state.rule_runs.last(self.workspace, [rule.id], now)
        faults = self.state.rule_runs.faults(self.workspace, [rule.id])
        return Known(standing or self._new(rule), last.get(rule.id), faults.get(rule.id, ()))

    def _new(self, rule: Rule) -> RuleStanding:
        return RuleStanding(self.workspace, rule.id, digest(rule))

    def _prepare(self, reading: Reading, plan: Sequence[Due]) -> None:
        """Let the rules of one look share what they read: their last windows, and of a worker among several its own share."""
        demands = []
        for one in plan:
            if one.urgency(one.ends[-1], self.share)[1]:
                continue
            try:
                compiled = reading.compile(one.rule.query, one.ends[-1])
            except (KqlError, LakeError, OSError):  # told when the rule is run
                continue
            demands.append(Demand(compiled, at(one.rule, one.ends[-1]).span(one.rule)))
        reading.keep(demands)

    # --- one rule --------------------------------------------------------------------------------------------------

    def _alone(
        self, planned: Due, turns: Turns, reading: Reading, now: datetime, until: float | None
    ) -> Iterator[Ran]:
        """The windows of a rule that are due, while nobody else runs it."""
        with ExitStack() as held:
            rule = planned.rule
            lease = held.enter_context(turns.take(self._name(rule)))
            if lease is None or not self._may_be_heavy(planned, turns, held):
                self.more = True
                return
            known = self._known(rule, now)
            found = due(rule, known, self._lateness, reading, now, self.settle)
            if not found.ends:
                return
            course = Course.of(self.state, known, found)
            for end in found.ends:
                if self._stopping.is_set() or (until is not None and monotonic() > until):
                    self.more = True
                    return
                ran = self._run(rule, at(rule, end), now, lease, course)
                if ran.outcome.error and self._stopping.is_set():
                    return
                yield ran
                if ran.lost or course.standing.disabled is not None:
                    return

    def _may_be_heavy(self, planned: Due, turns: Turns, held: ExitStack) -> bool:
        """Whether a rule may be run now: of those that take long one worker less than there are runs one at a time."""
        _, workers = self.share
        if planned.seconds < HEAVY or workers == 1:
            return True
        names = (f"heavy/{self.workspace}/{place}" for place in range(workers - 1))
        return any(held.enter_context(turns.take(name)) is not None for name in names)

    def _run(self, rule: Rule, window: Window, now: datetime, lease: Lease, course: Course | None) -> Ran:
        detector = Detector(self.lake, self.workspace, self.timeout, self._reading)
        outcome = detector.run(self._knowing(rule), window, now)
        if outcome.error and self._stopping.is_set():
            return Ran(outcome)
        if course is not None:
            outcome = course.judged(outcome)

        def within(session: Session) -> None:
            lease.check(session)
            if course is not None:
                course.keep(session, outcome, now)

        try:
            around = self._known_around(now) if outcome.alerts else NOWHERE
            desk = Desk(self.state, self.workspace, around)
            taken = desk.take(outcome, now, scheduled=course is not None, within=within)
        except LeaseLostError as error:
            return Ran(replace(outcome, error=str(error)), lost=True)
        return Ran(outcome, taken, tuple(course.notes) if course else ())

    def _known_around(self, now: datetime) -> Surroundings:
        """What is known around alerts, not older than an hour."""
        if self._around is None or abs(now - self._around[0]) > AROUND:
            self._around = (now, surroundings(self.lake, self.workspace, now))
        return self._around[1]

    def _knowing(self, rule: Rule) -> Rule:
        """A rule that learns, with what it has learned up to now."""
        learning = rule.tuning.learning
        if learning is None:
            return rule
        knows = self.state.learned.of(self.workspace, rule.id)
        return replace(rule, tuning=replace(rule.tuning, learning=replace(learning, knows=knows)))

    def _turns(self) -> Turns:
        return Turns(self.state.leases, self.holder, self.lease_seconds)

    def _name(self, rule: Rule) -> str:
        return f"rule/{self.workspace}/{rule.id}"

    def _prune(self, now: datetime) -> None:
        """Forget old runs, once a day."""
        today = now.date().isoformat()
        if self.state.checkpoints.get(PRUNED, self.workspace) != today:
            self.state.rule_runs.prune(self.workspace, now - KEPT)
            self.state.checkpoints.put(PRUNED, self.workspace, today)
