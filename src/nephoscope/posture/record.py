"""Compare a run with what was known, and keep it for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from nephoscope.estate.damage import told
from nephoscope.estate.intake import Intake
from nephoscope.estate.store import EstateStore
from nephoscope.estate.turn import EstateTurn, TurnLostError
from nephoscope.lake.next_commit import ConcurrentError
from nephoscope.model.state import State
from nephoscope.posture.comparison import Changes, Past, compare, covered, exists, remember, remembered
from nephoscope.posture.delta import Judge, Part, exemptions_text, parts
from nephoscope.posture.history import History, TrendPoint
from nephoscope.posture.journal import Journal
from nephoscope.posture.parted import PartedReport
from nephoscope.posture.plan import Plan
from nephoscope.posture.published.publishing import publish
from nephoscope.posture.report import Report
from nephoscope.posture.row import Filter
from nephoscope.posture.run import Run
from nephoscope.posture.subject import Subject, verdicts

_ATTEMPTS = 3
_Result = TypeVar("_Result")


def since_run(before: Run, after: Run) -> Changes:
    """What changed from one run to another."""
    return _changes(past_of(before), after)


def past_of(run: Run) -> dict[Subject, Past]:
    """A run as what is remembered of it."""
    return {
        subject: Past(state, True, run.now, run.now) if state is State.NON_COMPLIANT else Past(state)
        for subject, state in verdicts(run.assessments).items()
    }


def since_date(recorder: Recorder, after: Run, date: datetime) -> Changes | None:
    """What changed since the last evaluation before a date, by the history; None where there is no such evaluation."""
    with recorder.safely():
        evaluation = recorder.history.before(recorder.scope, date)
        past = dict(recorder.history.past(evaluation)) if evaluation else None
    return None if past is None else _changes(past, after)


def _changes(past: Mapping[Subject, Past], run: Run) -> Changes:
    return Changes(compare(past, verdicts(run.assessments), exists(run.estate), covered(run.coverage)))


class Recorder:
    """The history of one scope in one data folder; what records has the turn to evaluate, as its `turn` says before each commit."""

    def __init__(self, data: Path, scope: str, turn: EstateTurn | None = None) -> None:
        self.history = History(data)
        self.scope = scope
        self._data = data
        self._turn = turn

    def _check(self) -> None:
        """TurnLostError where another process has the turn."""
        if self._turn is not None:
            self._turn.check()

    def safely(self) -> AbstractContextManager[None]:
        """Raises StoreError for a damaged table, with what to do."""
        return told(
            self._data,
            "--no-history judges without it; `nephoscope restore` brings it back from a backup, into a folder of its own",
        )

    def version(self) -> int:
        """How many times evaluations were added to the history; -1 before the first."""
        with self.safely():
            return self.history.version()

    def trend(self) -> list[TrendPoint]:
        """The score of the scope over time."""
        with self.safely():
            return self.history.trend(self.scope)

    def record_parts(
        self, report: PartedReport, journal: Journal, intake: Intake, plan: Plan, store: EstateStore
    ) -> None:
        """Keep an evaluation that was made part by part, and its estate."""
        with self.safely(), _next():
            self._check()
            snapshot = store.take(intake, report.coverage, report.now)
            made_from = (snapshot.hash, plan.catalogue.digest, decisions_hash(plan), exemptions_text(plan))
            self.history.record(
                self.scope,
                report.now,
                report.whole_score,
                journal.memory,
                journal.changes,
                made_from,
                journal.version,
                self._check,
            )

    def record(self, report: Report, store: EstateStore) -> Changes:
        """Keep a run and its estate; returns what changed since the evaluation before."""
        with self.safely():
            changes, kept = self._again(lambda: self._record(report, store))
            whole = replace(report, filter=Filter(), changes=changes)
            self._again(lambda: publish(self._data, whole, kept, check=self._check))
        return changes

    def _again(self, work: Callable[[], _Result]) -> _Result:
        """Do work, and do it again where another process committed first; TurnLostError once that process has the turn."""
        for _ in range(_ATTEMPTS):
            self._check()
            with suppress(ConcurrentError):
                return work()
        with _next():
            return work()

    def _record(self, report: Report, store: EstateStore) -> tuple[Changes, dict[Subject, Past]]:
        run = report.run
        whole = replace(report, filter=Filter())  # what is kept depends on no filter
        version = self.history.version()
        before = self.history.before(self.scope, run.now)
        past = dict(self.history.past(before)) if before else {}
        changes = _changes(past, run)
        kept = remembered(remember(past, verdicts(run.assessments), changes, run.now))
        snapshot = store.append(run.estate, run.now)
        made_from = (snapshot.hash, run.catalogue.digest, decisions_hash(run.plan), exemptions_text(run.plan))
        self.history.record(
            self.scope, run.now, whole.score, kept.items(), changes, made_from, version, self._check
        )
        return changes, kept

    def delta(self, report: Report, store: EstateStore, judge: Judge) -> tuple[Part, ...]:
        """Why the score differs from that of the last evaluation that was made from something else; empty where there is none."""
        with self.safely():
            return self._delta(report, store, judge)

    def _delta(self, report: Report, store: EstateStore, judge: Judge) -> tuple[Part, ...]:
        evaluations = self.history.evaluations(self.scope)
        if not evaluations:
            return ()
        newest = evaluations[-1]
        now = (newest.estate, report.run.catalogue.digest, decisions_hash(report.run.plan))
        before = next(
            (one for one in reversed(evaluations) if (one.estate, one.content, one.decisions) != now), None
        )
        if before is None:
            return ()
        return parts(
            before,
            store.estate(before.when),
            report.run,
            lambda run: replace(report, run=run).score.share,
            judge,
        )


@contextmanager
def _next() -> Iterator[None]:
    """TurnLostError where another process commits first."""
    try:
        yield
    except ConcurrentError as error:
        raise TurnLostError from error


def decisions_hash(plan: Plan) -> str:
    """The hash of what people decided: assignments, exemptions and attestations in force."""
    parts = sorted(
        repr(item) for group in (plan.assignments, plan.exemptions, plan.attestations) for item in group
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
