"""Compare a run with what was known, and keep it for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from nephoscope.estate.damage import told
from nephoscope.estate.intake import Intake
from nephoscope.estate.store import EstateStore
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
    """The history of one scope in one data folder."""

    def __init__(self, data: Path, scope: str) -> None:
        self.history = History(data)
        self.scope = scope
        self._data = data

    def safely(self) -> AbstractContextManager[None]:
        """Raises StoreError for a damaged table, with what to do."""
        return told(
            self._data,
            "--no-history judges without it; to begin anew move the folders `posture` and `estate` in it away",
        )

    def trend(self) -> list[TrendPoint]:
        """The score of the scope over time."""
        with self.safely():
            return self.history.trend(self.scope)

    def record_parts(
        self, report: PartedReport, journal: Journal, intake: Intake, plan: Plan, store: EstateStore
    ) -> None:
        """Keep an evaluation that was made part by part, and its estate."""
        with self.safely():
            snapshot = store.take(intake, report.coverage, report.now)
            made_from = (snapshot.hash, plan.catalogue.digest, decisions_hash(plan), exemptions_text(plan))
            self.history.record(
                self.scope, report.now, report.whole_score, journal.memory, journal.changes, made_from
            )

    def record(self, report: Report, store: EstateStore) -> Changes:
        """Keep a run and its estate; returns what changed since the evaluation before."""
        with self.safely():
            return self._record(report, store)

    def _record(self, report: Report, store: EstateStore) -> Changes:
        run = report.run
        whole = replace(report, filter=Filter())  # what is kept depends on no filter
        before = self.history.before(self.scope, run.now)
        past = dict(self.history.past(before)) if before else {}
        changes = _changes(past, run)
        kept = remembered(remember(past, verdicts(run.assessments), changes, run.now))
        snapshot = store.append(run.estate, run.now)
        made_from = (snapshot.hash, run.catalogue.digest, decisions_hash(run.plan), exemptions_text(run.plan))
        self.history.record(self.scope, run.now, whole.score, kept.items(), changes, made_from)
        publish(self._data, replace(whole, changes=changes), kept)
        return changes

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


def decisions_hash(plan: Plan) -> str:
    """The hash of what people decided: assignments, exemptions and attestations in force."""
    parts = sorted(
        repr(item) for group in (plan.assignments, plan.exemptions, plan.attestations) for item in group
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
