"""Rule state after a run: consecutive failures, automatic disabling, skipped windows, rows seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from nephoscope.alerts.scheduling.due_windows import BEHIND, MOST_TRIES, DueWindows, RuleStatus, hash_rule
from nephoscope.alerts.scheduling.rule_health import FAILURE, HEALTH, PARTIAL, SUCCESS, build_health_row

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.alerts.detection.detector import RuleOutcome
    from nephoscope.state import State
    from nephoscope.state.rules.rule_state import RuleStanding

MOST_FAILURES = 10
"""After so many permanent failures in a row a rule is switched off, as in Sentinel, until its text changes or somebody lets it run."""


@dataclass(frozen=True, slots=True)
class RuleState:
    """A rule's runs of one turn up to now; `notes` are what the last one gave to tell beside its alerts."""

    state: State
    standing: RuleStanding
    error: str
    tries: dict[datetime, int]
    skipped: int
    until: datetime
    notes: tuple[str, ...] = ()

    @staticmethod
    def from_schedule(state: State, known: RuleStatus, found: DueWindows) -> RuleState:
        """The course of the windows that are due."""
        tries = {one.until: one.tries for one in known.faults}
        error = known.last.error if known.last else ""
        return RuleState(state, known.standing, error, tries, found.skipped, found.ends[-1])

    def assess_outcome(self, outcome: RuleOutcome) -> RuleOutcome:
        """The outcome; a window that took too much too often is given up."""
        tries = self.tries.get(outcome.window.end, 0) + 1
        if not outcome.limited or tries < MOST_TRIES:
            return outcome
        return replace(outcome, fault=False, error=f"given up after {tries} tries: {outcome.error}")

    def advance(self, session: Session, outcome: RuleOutcome, now: datetime) -> RuleState:
        """The course after a run, in the transaction of its alerts, which is yet to keep the standing."""
        before, after = self.standing, self._compute_next_standing(outcome, now)
        notes = []
        for status, said in self._describe_status_changes(outcome, before, after):
            notes.append(said)
            row = build_health_row(outcome, status, said, now)
            self.state.outbox.add(session, after.workspace, HEALTH, row)
        return replace(self, standing=after, error=outcome.error, skipped=0, notes=tuple(notes))

    def _compute_next_standing(self, outcome: RuleOutcome, now: datetime) -> RuleStanding:
        before, text = self.standing, hash_rule(outcome.rule)
        failures = before.failures if before.digest == text else 0
        if not outcome.error:
            failures = 0
        elif not outcome.fault and not outcome.limited:
            failures += 1
        # what came late is seen when all windows that are due for it have been run
        complete = outcome.window.end == self.until and bool(outcome.seen)
        return replace(
            before,
            digest=text,
            failures=failures,
            disabled=now if failures >= MOST_FAILURES else None,
            skipped=before.skipped + self.skipped,
            seen=outcome.seen if complete else before.seen,
            looked=now if complete else before.looked,
        )

    def _describe_status_changes(
        self, outcome: RuleOutcome, before: RuleStanding, after: RuleStanding
    ) -> Iterator[tuple[str, str]]:
        """Yield what is news: (status, words)."""
        if self.skipped:
            yield (
                FAILURE,
                f"{self.skipped:,} windows that ended more than {BEHIND.days} days ago were left out",
            )
        if outcome.error and (outcome.error != self.error or (outcome.limited and not outcome.fault)):
            yield FAILURE, outcome.error
        elif self.error and not outcome.error:
            yield SUCCESS, "The rule runs again."
        if outcome.lacking:
            yield PARTIAL, "; ".join(outcome.lacking)
        if outcome.gaps and (before.digest != after.digest or _is_first_of_day(outcome)):
            yield PARTIAL, "; ".join(outcome.gaps)
        if after.disabled is not None and before.disabled is None:
            yield FAILURE, f"AUTO DISABLED: the rule failed {after.failures} times in a row: {outcome.error}"


def _is_first_of_day(outcome: RuleOutcome) -> bool:
    """Return whether a rule's window is the first that ends on its day: what lacks all the time is told once a day."""
    end = outcome.window.end
    return end.date() != (end - outcome.rule.frequency).date()
