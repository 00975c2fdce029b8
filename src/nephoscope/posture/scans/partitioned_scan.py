"""A scan whose memory does not grow with the estate: read to disk, judged part by part, compared and reported from disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.collect.resources.subscription_spool import PART, Survey
from nephoscope.estate.estate import Estate
from nephoscope.estate.snapshot_import import SnapshotIntake
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.comparison_on_disk import Journal
from nephoscope.posture.history.evaluation_diff import Changes, attribute_to_tenants
from nephoscope.posture.policies.evaluation_plan import EvaluationPlan
from nephoscope.posture.recommendations.ranking import RecommendationCounts
from nephoscope.posture.recommendations.recommendation_sources import Recommendations
from nephoscope.posture.recommendations.report_row import ReportFilter
from nephoscope.posture.recommendations.score_controls import Controls
from nephoscope.posture.reports.partial_report import PartedReport, ReportTally
from nephoscope.posture.reports.report import Report
from nephoscope.posture.reports.row_ledger import RowLedger
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope.posture.scans.run_recording import Recorder, to_remembered_states
from nephoscope.posture.scans.scan import EstateScan, NoSuchScopeError, save_request

#: Bytes of JSON from which `auto` judges in parts: in one piece they take about eight times that much memory.
FROM_BYTES = 128 * 1024**2


class ReportSelection(msgspec.Struct, frozen=True):
    """Selection that a report reads from the evaluation: rows, filter, and the tag by which findings are counted ('' = none)."""

    extract: RowSelection
    filter: ReportFilter = msgspec.field(default_factory=ReportFilter)
    tag: str = ""
    top: int = 15


class ComparisonBase(msgspec.Struct, frozen=True):
    """With what: another `snapshot`, or the last evaluation before `date`, else the one before this one, which is then recorded.

    `recorder` is None where no history is read.
    """

    recorder: Recorder | None = None
    snapshot: str = ""
    date: datetime | None = None

    @property
    def records(self) -> bool:
        """Return whether the evaluation is kept."""
        return self.recorder is not None and not self.snapshot and self.date is None


class PartedScan:
    """One scan in parts; its files lie in a folder that exists, and the report reads them."""

    def __init__(self, scan: EstateScan, folder: Path, size: int = PART) -> None:
        self._scan = scan
        self._folder = folder
        self._size = size
        self.surveys = self._survey_estate("snapshot")

    def _survey_estate(self, name: str, targets: Iterable[str] | None = None) -> tuple[Survey, ...]:
        folder = self._folder / name
        folder.mkdir()
        return self._scan.survey_estates(folder, None if targets is None else tuple(targets))

    def report(self, shown: ReportSelection, compared: ComparisonBase) -> PartedReport:
        """Judge, compare, and record where that is asked for."""
        scan = self._scan
        wholes = [survey.whole for survey in self.surveys]
        coverages = [whole.coverage for whole in wholes]
        journal = self._open_journal(compared)
        plans = [scan.plan(whole) for whole in wholes]
        recommendations, controls = Recommendations(plans[0].catalog), Controls.builtin()
        report = PartedReport(
            scan.request.label,
            scan.now,
            coverages,
            tuple(dict.fromkeys(lost for whole in wholes for lost in whole.quarantine)),
            ReportTally(
                RecommendationCounts(
                    lambda key: controls.find_scoring_control(recommendations.find_recommendation(key))
                ),
                shown.tag,
            ),
            RowLedger(self._folder / "rows", shown.extract),
            recommendations,
            shown.filter,
            top=shown.top,
        )
        known = scan.list_known_scopes(report.coverage)
        intakes = [self._build_intake(number) for number in range(len(plans))] if compared.records else []
        judged = 0
        for number, (survey, plan) in enumerate(zip(self.surveys, plans, strict=True)):
            for run in scan.parts(survey, plan, self._size):
                judged += len(run.engine.roster)
                if shown.filter.chooses_resources:
                    known.add(run.estate)
                changes = journal.compare_part(run) if journal is not None else Changes()
                self._add_evaluated_part(run, report, changes, shown.filter)
                if intakes:
                    intakes[number].add(run.estate.resources.values())
        if scan.request.scope and not judged:
            raise NoSuchScopeError(scan.request.scope)
        known.check(shown.filter)
        if journal is not None:
            journal.close(*coverages)
            report = replace(report, changes=journal.changes)
        return self._record_report(report, journal, list(zip(wholes, intakes, plans, strict=False)), compared)

    def _build_intake(self, number: int) -> SnapshotIntake:
        whole = self.surveys[number].whole
        intake = SnapshotIntake(self._make_folder(f"intake-{number}"), whole.tenant)
        intake.forget(whole.forgotten)
        return intake

    @staticmethod
    def _add_evaluated_part(
        run: EvaluationRun, report: PartedReport, changes: Changes, filter_: ReportFilter
    ) -> None:
        """Add a part to the report."""
        part = Report(run, report.scope, filter=filter_, changes=changes, controls=report.controls)
        report.tally.add(part)
        report.ledger.add(part)

    def _open_journal(self, compared: ComparisonBase) -> Journal | None:
        """Return what to compare with, None where nothing is."""
        if not compared.snapshot and compared.recorder is None:
            return None
        version = -1 if compared.recorder is None else compared.recorder.version()
        journal = Journal(self._make_folder("journal"), self._scan.now, version)
        if compared.snapshot:
            for earlier in self._survey_estate("earlier", (compared.snapshot,)):
                for run in self._scan.parts(earlier, self._scan.plan(earlier.whole), self._size):
                    journal.past.extend(to_remembered_states(run).items())
            shutil.rmtree(self._folder / "earlier")
        elif compared.recorder is not None:
            history = compared.recorder.history
            with compared.recorder.explain_damage():
                before = history.find_last_before(compared.recorder.scope, compared.date or self._scan.now)
                names = [survey.whole.tenant for survey in self.surveys]
                journal.past.extend(
                    attribute_to_tenants(history.read_remembered_states(before) if before else (), names)
                )
            if before is None and compared.date is not None:
                return None
        return journal

    def _record_report(
        self,
        report: PartedReport,
        journal: Journal | None,
        several: Sequence[tuple[Estate, SnapshotIntake, EvaluationPlan]],
        compared: ComparisonBase,
    ) -> PartedReport:
        recorder = compared.recorder
        if recorder is None or compared.snapshot:
            return report
        if journal is not None and several:
            recorder.record_parts(report, journal, several)
            save_request(self._scan.repeatable, self._scan.data)
        return (
            report if report.filter.chooses_resources else replace(report, trend=recorder.list_trend_points())
        )

    def _make_folder(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir()
        return folder
