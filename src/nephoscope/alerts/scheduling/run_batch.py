"""Run batch: run several rules in sequence with few transactions for leases and results."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

from nephoscope.alerts.detection.detector import RuleOutcome
from nephoscope.alerts.incidents.incident_service import AppliedOutcome, IncidentService
from nephoscope.state import StateError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.alerts.detection.prefetch import PrefetchedMatches
    from nephoscope.alerts.scheduling.rule_state import RuleState
    from nephoscope.state import Lease
    from nephoscope.state.leases.lease_renewal import Turns

MOST = 64
"""How many outcomes wait for one transaction."""
PATIENCE = 1.0
"""For how many seconds an outcome waits, also where the rule after it takes long, and the others that have not begun."""
LOST = "was lost: another process now runs its rule"


@dataclass(frozen=True, slots=True)
class RuleRunResult:
    """A window that was run and what it changed; `notes` are what a person should know beside that.

    `lost`: another worker took the rule over meanwhile, so that nothing was changed.
    """

    outcome: RuleOutcome
    taken: AppliedOutcome = field(default_factory=AppliedOutcome)
    notes: tuple[str, ...] = ()
    lost: bool = False


@dataclass(slots=True)
class RuleLease:
    """A rule's turn: its lease, and its course (None = its runs are not noted)."""

    lease: Lease
    course: RuleState | None = None
    lost: bool = False


@dataclass(slots=True)
class RunBatch:
    """Leases that were taken together, and outcomes that are kept together; safe for the thread that looks after it.

    What takes long keeps nobody waiting: then outcomes are kept, and the leases of rules that have not begun are given back.
    """

    turns: Turns
    incident_service: IncidentService
    now: datetime
    _waiting: dict[str, Lease] = field(default_factory=dict)
    _outcomes: list[tuple[RuleLease, RuleOutcome]] = field(default_factory=list)
    _over: list[Lease] = field(default_factory=list)
    _kept: list[RuleRunResult] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _began: float | None = None
    _oldest: float | None = None

    def acquire_leases(self, names: Sequence[str]) -> set[str]:
        """Take the leases that nobody else has; their names."""
        with self._lock:
            self._waiting = self.turns.acquire_available(names)
            return set(self._waiting)

    def acquire_rule_lease(self, name: str) -> RuleLease | None:
        """A rule's turn; None where another worker has its lease, or it was given back."""
        with self._lock:
            lease = self._waiting.pop(name, None)
            self._began = monotonic()
            return None if lease is None else RuleLease(lease)

    def end_turn(self, turn: RuleLease) -> None:
        """The turn is over: its lease is given back when its outcomes are kept."""
        with self._lock:
            self._began = None
            self._over.append(turn.lease)

    def add(self, turn: RuleLease, outcome: RuleOutcome) -> None:
        """An outcome to keep: at once where what comes next depends on it."""
        with self._lock:
            self._began = monotonic()
            if not self._outcomes:
                self._oldest = self._began
            self._outcomes.append((turn, outcome))
            learns = outcome.rule.tuning.learning is not None
            if outcome.error or learns or len(self._outcomes) >= MOST or _is_overdue(self._oldest):
                self.store_outcomes()

    def pop_results(self) -> list[RuleRunResult]:
        """Return what was kept since this was asked for."""
        with self._lock:
            found, self._kept = self._kept, []
            return found

    def store_overdue(self) -> None:
        """Called now and then by another thread: lets nobody wait for a rule that takes long."""
        with self._lock:
            if _is_overdue(self._began):
                self._over += self._waiting.values()
                self._waiting = {}
            if _is_overdue(self._oldest) or _is_overdue(self._began):
                self.store_outcomes()

    def close(self) -> None:
        """Keep what is left, and give all leases back."""
        with self._lock:
            self._over += self._waiting.values()
            self._waiting = {}
            self.store_outcomes()

    def store_outcomes(self) -> None:
        """Keep the outcomes, in one transaction; where one of them cannot be kept each in its own."""
        with self._lock:
            if not self._outcomes and not self._over:
                return
            try:
                self._kept += self._store_outcomes_together(self._outcomes, self._over)
            except StateError:
                raise
            except Exception:  # noqa: BLE001 - one of several that cannot be kept is no reason to lose the others: it is found below
                for one in self._outcomes:
                    self._kept += self._store_outcome_alone(*one)
                self._store_outcomes_together([], self._over)
            self.turns.drop(self._over)
            self._outcomes, self._over, self._oldest = [], [], None

    def _store_outcomes_together(
        self, several: Sequence[tuple[RuleLease, RuleOutcome]], over: Sequence[Lease] = ()
    ) -> list[RuleRunResult]:
        """Keep outcomes and give the leases back that are over, all of it or nothing."""
        state = self.incident_service.state
        courses: dict[int, RuleState | None] = {}
        found: list[RuleRunResult] = []
        before = [self.incident_service.prefetch_matches(outcome) for _, outcome in several]
        with state.transaction(product="detection") as session:
            lost = state.leases.lock_held_leases(
                session, {turn.lease.name: turn.lease for turn, _ in several}.values()
            )
            for (turn, outcome), known in zip(several, before, strict=True):
                if turn.lease.name in lost:
                    error = f"the lease {turn.lease.name} {LOST}"
                    found.append(RuleRunResult(replace(outcome, error=error), lost=True))
                    continue
                course = courses.get(id(turn), turn.course)
                ran, courses[id(turn)] = self._apply_outcome(session, course, outcome, known)
                found.append(ran)
            self._record_runs(session, courses, found)
            state.leases.release_leases(session, over)
        for turn, _ in several:
            turn.lost = turn.lost or turn.lease.name in lost
            turn.course = courses.get(id(turn), turn.course)
        return found

    def _apply_outcome(
        self,
        session: Session,
        course: RuleState | None,
        outcome: RuleOutcome,
        before: PrefetchedMatches | None,
    ) -> tuple[RuleRunResult, RuleState | None]:
        if outcome.alerts:
            # what the outcome before it changed is read anew
            session.expire_all()
        taken = self.incident_service.store_outcome_in_transaction(session, outcome, self.now, before)
        if course is None:
            return RuleRunResult(outcome, taken), None
        after = course.advance(session, outcome, self.now)
        return RuleRunResult(outcome, taken, after.notes), after

    def _record_runs(
        self, session: Session, courses: dict[int, RuleState | None], several: Sequence[RuleRunResult]
    ) -> None:
        """Note the runs of rules that have a course, and how these stand."""
        state, noted = self.incident_service.state, [one for one in courses.values() if one is not None]
        rules = {one.standing.rule for one in noted}
        runs = [
            self.incident_service.to_rule_run(one.outcome, one.taken, self.now)
            for one in several
            if not one.lost and one.outcome.rule.id in rules
        ]
        state.rule_runs.record(session, runs)
        state.rule_standings.put(session, [one.standing for one in noted])

    def _store_outcome_alone(self, turn: RuleLease, outcome: RuleOutcome) -> list[RuleRunResult]:
        """Keep one outcome; where it cannot be kept, that is what came of the run."""
        try:
            return self._store_outcomes_together([(turn, outcome)])
        except StateError:
            raise
        except Exception as error:  # noqa: BLE001 - a rule is a boundary: it is told, and the others go on
            failed = replace(
                outcome, alerts=(), error=f"not kept: {type(error).__name__}: {error}", fault=True
            )
            return self._store_outcomes_together([(turn, failed)])


def _is_overdue(since: float | None) -> bool:
    return since is not None and monotonic() - since > PATIENCE
