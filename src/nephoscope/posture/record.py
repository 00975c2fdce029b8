"""Compare a run with what was known, and keep it for the next."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from nephoscope.estate.coverage import was_read
from nephoscope.estate.estate import Estate
from nephoscope.estate.store import EstateStore
from nephoscope.model.resource_id import ResourceId
from nephoscope.model.state import State
from nephoscope.posture.comparison import Changes, Past, compare, remember
from nephoscope.posture.delta import Judge, Part, exemptions_text, parts
from nephoscope.posture.history import History, TrendPoint, remembered
from nephoscope.posture.report import Report
from nephoscope.posture.run import Run
from nephoscope.posture.subject import Subject, verdicts


def since_run(before: Run, after: Run) -> Changes:
    """What changed from one run to another."""
    old = verdicts(before.assessments)
    past = {
        subject: Past(state, state is State.NON_COMPLIANT, before.now, before.now)
        for subject, state in old.items()
        if state is State.NON_COMPLIANT
    }
    past |= {subject: Past(state) for subject, state in old.items() if subject not in past}
    return _changes(past, after)


def since_date(recorder: Recorder, after: Run, date: datetime) -> Changes:
    """What changed since the last evaluation before a date, by the history."""
    evaluation = recorder.history.before(recorder.scope, date)
    return _changes(recorder.history.past(evaluation) if evaluation else {}, after)


def _changes(past: Mapping[Subject, Past], run: Run) -> Changes:
    return Changes(compare(past, verdicts(run.assessments), exists(run.estate), covered(run.estate)))


def exists(estate: Estate) -> Callable[[str], bool]:
    """Whether a resource is in the estate."""
    return estate.resources.__contains__


def covered(estate: Estate) -> Callable[[str], bool]:
    """Whether the estate would show a resource if it existed."""

    def reads(key: str) -> bool:
        resource = ResourceId.parse(key or "/")
        return was_read(estate.coverage, resource, resource.subscription_id)

    return reads


class Recorder:
    """The history of one scope in one data folder."""

    def __init__(self, data: Path, scope: str) -> None:
        self.history = History(data)
        self.scope = scope

    def trend(self) -> list[TrendPoint]:
        """The score of the scope over time."""
        return self.history.trend(self.scope)

    def record(self, report: Report, store: EstateStore) -> Changes:
        """Keep a run and its estate; returns what changed since the evaluation before."""
        run = report.run
        before = self.history.before(self.scope, run.now)
        past = self.history.past(before) if before else {}
        changes = _changes(past, run)
        kept = remembered(remember(past, verdicts(run.assessments), changes, run.now))
        snapshot = store.append(run.estate, run.now)
        made_from = (snapshot.hash, run.catalogue.digest, decisions_hash(run), exemptions_text(run.plan))
        self.history.record(self.scope, run.now, report.score, kept, list(changes), made_from)
        return changes

    def delta(self, report: Report, store: EstateStore, judge: Judge) -> tuple[Part, ...]:
        """Why the score differs from that of the last evaluation that was made from something else; empty where there is none."""
        evaluations = self.history.evaluations(self.scope)
        if not evaluations:
            return ()
        newest = evaluations[-1]
        now = (newest.estate, report.run.catalogue.digest, decisions_hash(report.run))
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


def decisions_hash(run: Run) -> str:
    """The hash of what people decided: assignments, exemptions and attestations in force."""
    plan = run.plan
    parts = sorted(
        repr(item) for group in (plan.assignments, plan.exemptions, plan.attestations) for item in group
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
