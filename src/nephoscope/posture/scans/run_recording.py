"""Run recording: compare a run with the previous one and store it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from nephoscope.estate.corrupt_file_errors import translate_damage
from nephoscope.estate.estate import Estate
from nephoscope.estate.evaluation_lease import EstateTurn, TurnLostError
from nephoscope.estate.snapshot_import import SnapshotIntake
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope.lake.storage.versioned_commit import CommitConflictError
from nephoscope.posture.evaluation.analyzer_results import LogReader, open_no_logs
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.comparison_on_disk import Journal
from nephoscope.posture.history.evaluation_diff import (
    Changes,
    RememberedState,
    attribute_to_tenants,
    check_existence,
    compare,
    make_coverage_test,
    remember_states,
    select_remembered_states,
)
from nephoscope.posture.history.history import History, TrendPoint
from nephoscope.posture.history.score_change import Judge, ScoreDelta, format_exemptions, split_score_change
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.published.publishing import publish_tenants
from nephoscope.posture.recommendations.finding_subject import Subject, verdicts
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope.posture.reports.multi_tenant_report import CombinedReport, combine_reports
from nephoscope.posture.reports.partial_report import PartedReport
from nephoscope.posture.reports.report import Report
from nephoscope_policy.model.resource_id import split_tenant
from nephoscope_policy.model.state import ComplianceState

_ATTEMPTS = 3
_Result = TypeVar("_Result")


def compare_with_runs(before: Iterable[EvaluationRun], after: Sequence[EvaluationRun]) -> Changes:
    """Return what changed from the runs of some tenants to others."""
    return _build_changes(
        {subject: past for run in before for subject, past in to_remembered_states(run).items()}, after
    )


def to_remembered_states(run: EvaluationRun) -> dict[Subject, RememberedState]:
    """A run as what is remembered of it."""
    return {
        subject: RememberedState(state, True, run.now, run.now)
        if state is ComplianceState.NON_COMPLIANT
        else RememberedState(state)
        for subject, state in verdicts(run.assessments, run.estate.tenant).items()
    }


def compare_with_date(recorder: Recorder, after: Sequence[EvaluationRun], date: datetime) -> Changes | None:
    """Return what changed since the last evaluation before a date, by the history; None where there is no such evaluation."""
    with recorder.explain_damage():
        evaluation = recorder.history.find_last_before(recorder.scope, date)
        past = dict(recorder.history.read_remembered_states(evaluation)) if evaluation else None
    return None if past is None else _build_changes(past, after)


def _build_changes(past: Mapping[Subject, RememberedState], runs: Sequence[EvaluationRun]) -> Changes:
    estates = [run.estate for run in runs]
    known = dict(attribute_to_tenants(past.items(), [estate.tenant for estate in estates]))
    read = make_coverage_test(*(run.coverage for run in runs))
    return Changes(compare(known, _collect_verdicts(runs), check_existence(*estates), read))


def _collect_verdicts(runs: Iterable[EvaluationRun]) -> dict[Subject, ComplianceState]:
    found: dict[Subject, ComplianceState] = {}
    for run in runs:
        found |= verdicts(run.assessments, run.estate.tenant)
    return found


def _limit_to_tenant(past: Mapping[Subject, RememberedState], tenant: str) -> dict[Subject, RememberedState]:
    """The past of what lies in subscriptions, and of what is a tenant's own under the ids that it has there."""
    found: dict[Subject, RememberedState] = {}
    for (resource, key), item in past.items():
        named, plain = split_tenant(resource)
        if named == tenant or resource.startswith("/subscriptions/"):
            found[plain, key] = item
    return found


class Recorder:
    """The history of one scope in one data folder; what records has the turn to evaluate, as its `turn` says before each commit."""

    def __init__(
        self, data: Path, scope: str, turn: EstateTurn | None = None, logs: LogReader = open_no_logs
    ) -> None:
        """`logs` opens what the authors of changes are read from."""
        self.history = History(data)
        self.scope = scope
        self._data = data
        self._turn = turn
        self._logs = logs

    def _check_turn(self) -> None:
        """TurnLostError where another process has the turn."""
        if self._turn is not None:
            self._turn.check()

    def explain_damage(self) -> AbstractContextManager[None]:
        """Raises StoreError for a damaged table, with what to do."""
        return translate_damage(
            self._data,
            "--no-history evaluates without it; `nephoscope restore` brings it back from a backup, into a separate folder",
        )

    def version(self) -> int:
        """Count how many times evaluations were added to the history; -1 before the first."""
        with self.explain_damage():
            return self.history.version()

    def list_trend_points(self) -> list[TrendPoint]:
        """The score of the scope over time."""
        with self.explain_damage():
            return self.history.list_trend_points(self.scope)

    def record_parts(
        self,
        report: PartedReport,
        journal: Journal,
        several: Sequence[tuple[Estate, SnapshotIntake, EvaluationPlan]],
    ) -> None:
        """Keep an evaluation that was made part by part, and the estate of each tenant."""
        with self.explain_damage(), _translate_conflict():
            self._check_turn()
            taken = [
                open_tenant_store(self._data, whole).store_intake(intake, whole.coverage, report.now).hash
                for whole, intake, _ in several
            ]
            made_from = _hash_inputs([plan for _, _, plan in several], taken)
            self.history.record(
                self.scope,
                report.now,
                report.unfiltered_score,
                journal.memory,
                journal.changes,
                made_from,
                journal.version,
                self._check_turn,
            )

    def record(self, report: Report | CombinedReport) -> Changes:
        """Keep what was judged, an estate a tenant; returns what changed since the evaluation before."""
        # what is kept depends on no filter
        several = [replace(part, filter=ReportFilter()) for part in list_tenant_reports(report)]
        with self.explain_damage():
            changes, kept = self._retry_commit(lambda: self._record_reports(several))
            parts_to_publish = [
                (replace(part, changes=changes), _limit_to_tenant(kept, part.tenant)) for part in several
            ]
            self._retry_commit(
                lambda: publish_tenants(self._data, parts_to_publish, self._check_turn, self._logs)
            )
        return changes

    def _retry_commit(self, work: Callable[[], _Result]) -> _Result:
        """Do work, and do it again where another process committed first; TurnLostError once that process has the turn."""
        for _ in range(_ATTEMPTS):
            self._check_turn()
            with suppress(CommitConflictError):
                return work()
        with _translate_conflict():
            return work()

    def _record_reports(self, reports: Sequence[Report]) -> tuple[Changes, dict[Subject, RememberedState]]:
        runs, whole = [part.run for part in reports], combine_reports(reports)
        version = self.history.version()
        before = self.history.find_last_before(self.scope, whole.now)
        stored = self.history.read_remembered_states(before) if before else ()
        past = dict(attribute_to_tenants(stored, [part.tenant for part in reports]))
        changes = _build_changes(past, runs)
        kept = select_remembered_states(remember_states(past, _collect_verdicts(runs), changes, whole.now))
        taken = [open_tenant_store(self._data, run.estate).append(run.estate, run.now).hash for run in runs]
        made_from = _hash_inputs([run.plan for run in runs], taken)
        self.history.record(
            self.scope, whole.now, whole.score, kept.items(), changes, made_from, version, self._check_turn
        )
        return changes, kept

    def explain_score_change(self, report: Report, assess: Judge) -> tuple[ScoreDelta, ...]:
        """Return why the score differs from that of the last evaluation that was made from something else; empty where
        there is none."""
        with self.explain_damage():
            return self._compute_score_delta(report, assess)

    def _compute_score_delta(self, report: Report, assess: Judge) -> tuple[ScoreDelta, ...]:
        evaluations = self.history.list_evaluations(self.scope)
        if not evaluations:
            return ()
        newest = evaluations[-1]
        now = (newest.estate, report.run.catalog.digest, hash_decisions(report.run.plan))
        before = next(
            (one for one in reversed(evaluations) if (one.estate, one.content, one.decisions) != now), None
        )
        if before is None:
            return ()
        return split_score_change(
            before,
            open_tenant_store(self._data, report.run.estate).load_estate(before.when),
            report.run,
            lambda run: replace(report, run=run).score.share,
            assess,
        )


@contextmanager
def _translate_conflict() -> Iterator[None]:
    """TurnLostError where another process commits first."""
    try:
        yield
    except CommitConflictError as error:
        raise TurnLostError from error


def list_tenant_reports(report: Report | CombinedReport) -> tuple[Report, ...]:
    """The report of each tenant."""
    return report.parts if isinstance(report, CombinedReport) else (report,)


def _hash_inputs(plans: Sequence[EvaluationPlan], snapshots: Sequence[str]) -> tuple[str, str, str, str]:
    """The hashes of estate, content and decisions of some tenants, and their exemptions as JSON."""
    exemptions = tuple({one.id: one for plan in plans for one in plan.exemptions}.values())
    return (
        _join_hashes(snapshots),
        _join_hashes([plan.catalog.digest for plan in plans]),
        _join_hashes([hash_decisions(plan) for plan in plans]),
        format_exemptions(msgspec.structs.replace(plans[0], exemptions=exemptions)),
    )


def _join_hashes(hashes: Sequence[str]) -> str:
    """One hash as it is; several as the hash of all."""
    if len(set(hashes)) == 1:
        return hashes[0]
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:32]


def hash_decisions(plan: EvaluationPlan) -> str:
    """The hash of what people decided: assignments, exemptions and attestations in force."""
    parts = sorted(
        repr(item) for group in (plan.assignments, plan.exemptions, plan.attestations) for item in group
    )
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
