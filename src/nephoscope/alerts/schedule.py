"""The schedule: every window of every rule once, whoever runs it, however often it was stopped; late rows are looked at too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from nephoscope.alerts.desk import Desk, Taken
from nephoscope.alerts.detector import Detector, Outcome
from nephoscope.alerts.lateness import again, late
from nephoscope.alerts.rule import Kind, Rule
from nephoscope.alerts.surroundings import NOWHERE, Surroundings, surroundings
from nephoscope.alerts.tuning.tuned import Tuned
from nephoscope.alerts.window import SETTLE, Window, at, ends, latest
from nephoscope.lake.outbox import deliver
from nephoscope.lake.state.holder import new_holder

if TYPE_CHECKING:
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import Lease, State
    from nephoscope.lake.state.rule_runs import RuleRun

LEASE_SECONDS = 900.0
CHECKPOINT = "detection"
AROUND = timedelta(hours=1)
"""How long what is known around alerts (estate, watchlists, shared addresses) is taken for true."""
Came = Mapping[str, list[datetime]]
BEHIND = timedelta(days=14)
"""How far back windows are made up for after a stop; older ones are told of and left."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A window that was run and what it changed."""

    outcome: Outcome
    taken: Taken


@dataclass(slots=True)
class Schedule:
    """Runs what is due. Several may run on one state: a rule is run by one at a time (a lease), a window that is done by none."""

    lake: Lake
    state: State
    rules: Sequence[Rule]
    workspace: str
    settle: timedelta = SETTLE
    holder: str = field(default_factory=new_holder)
    _tables: dict[str, frozenset[str]] = field(default_factory=dict)
    _around: tuple[datetime, Surroundings] | None = None

    def once(self, end: datetime, now: datetime) -> Iterator[Ran]:
        """Run every rule in the window that ends at a time, whatever was run before; the schedule goes on as if it had not been."""
        for rule in self._enabled(now):
            lease = self._held(rule)
            if lease is None:
                continue
            try:
                yield self._run(rule, at(rule, end), now, scheduled=False)
            finally:
                lease.release()
        deliver(self.lake, self.state)

    def tick(self, now: datetime | None = None) -> Iterator[Ran]:
        """Run all windows that are due: those that were never run, that ended in a fault, and that late rows have come for."""
        moment = now or datetime.now(UTC)
        last = self.state.rule_runs.last(self.workspace)
        came = self._came(moment)
        for rule in self._enabled(moment):
            if self._due(rule, last.get(rule.id), came, moment):
                yield from self._alone(rule, came, moment)
        self.state.checkpoints.put(CHECKPOINT, self.workspace, moment.isoformat())
        deliver(self.lake, self.state)

    def _alone(self, rule: Rule, came: Came, now: datetime) -> Iterator[Ran]:
        """The windows of a rule that are due, while nobody else runs it."""
        lease = self._held(rule)
        if lease is None:
            return
        try:
            known = self.state.rule_runs.last(self.workspace, [rule.id]).get(rule.id)
            for end in self._due(rule, known, came, now):
                yield self._run(rule, at(rule, end), now)
                lease = lease.renew(LEASE_SECONDS)
        finally:
            lease.release()

    def _came(self, now: datetime) -> Came:
        """The times of the rows that came since the last tick; nothing is late before the first."""
        since = self.state.checkpoints.get(CHECKPOINT, self.workspace)
        if since is None:
            return {}
        return late(self.lake, self.lake.data, self.workspace, datetime.fromisoformat(since), now, BEHIND)

    def skipped(self, rule: Rule, last: RuleRun, now: datetime) -> int:
        """How many windows lie too far back to be made up for."""
        return sum(1 for _ in ends(rule, last.until, now - BEHIND))

    def _enabled(self, now: datetime) -> list[Rule]:
        """The rules that are run, as they are tuned now."""
        tuned = Tuned.load(self.state, self.lake, self.workspace, now)
        return [one for one in map(tuned.rule, self.rules) if one.enabled and one.kind is not Kind.HUNTING]

    def _due(self, rule: Rule, last: RuleRun | None, came: Came, now: datetime) -> list[datetime]:
        """The ends of the windows that are over and were not run; of a rule that never ran the last one."""
        over = now - (timedelta() if rule.kind is Kind.NRT else self.settle)
        if last is None:
            return [latest(rule, over).end]
        found = set(ends(rule, max(last.until, now - BEHIND), over))
        if last.fault:
            found.add(last.until)
        if came:
            found.update(again(rule, self._tables_of(rule), came, last.until))
        return sorted(found)

    def _tables_of(self, rule: Rule) -> frozenset[str]:
        if rule.id not in self._tables:
            self._tables[rule.id] = Detector(self.lake, self.workspace).tables(rule)
        return self._tables[rule.id]

    def _run(self, rule: Rule, window: Window, now: datetime, *, scheduled: bool = True) -> Ran:
        outcome = Detector(self.lake, self.workspace).run(self._knowing(rule), window, now)
        desk = Desk(self.state, self.workspace, self._known_around(now) if outcome.alerts else NOWHERE)
        return Ran(outcome, desk.take(outcome, now, scheduled=scheduled))

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

    def _held(self, rule: Rule) -> Lease | None:
        return self.state.leases.take(f"rule/{self.workspace}/{rule.id}", self.holder, LEASE_SECONDS)
