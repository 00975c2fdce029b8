"""A server assesses external facts as soon as there are any, and reevaluates what depends on them when they change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nephoscope.collect.facts.fact_recording import FORGOTTEN, record_fact_reports, remove_external_facts
from nephoscope.collect.facts.fact_report import FactReport
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.evaluation.finished_run import EvaluationRun
from nephoscope.posture.history.history import History
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.scans.scan import EstateScan, ScanRequest, read_last_scan_request
from nephoscope.serve import assessment_worker
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.audit.actor import Actor

BY = Actor("scanner")
KEY = "e1145ab1-eb4f-43d8-911b-36ddf771d13f"
MACHINES = "microsoft.hybridcompute/machines"
GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg"
MACHINE = f"{GROUP}/providers/Microsoft.HybridCompute/machines/web01"


def report(missing: int) -> FactReport:
    counts = {"availablePatchCountByClassification": {"security": missing}}
    documents = [
        {"id": MACHINE, "properties": {}},
        {"id": f"{MACHINE}/patchAssessmentResults/latest", "properties": {"status": "Succeeded", **counts}},
    ]
    return msgspec.convert(
        {"resource": MACHINE, "readAt": datetime.now(UTC), "documents": documents}, FactReport
    )


def put(state: State, missing: int) -> None:
    record_fact_reports(state, BY, [report(missing)], datetime.now(UTC))


def ended(runs: assessment_worker.LastRuns) -> set[str]:
    (run,) = runs.runs.values()
    return {one.state.value for one in run.analysis.assessments if one.key == KEY}


def test_the_first_fact_a_change_and_what_is_taken_back(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, runs, since = ServeSettings(data=tmp_path / "data"), assessment_worker.LastRuns(), []
    whole = EstateScan.run

    def spied(scan: EstateScan, estate: Any, before: EvaluationRun | None = None) -> EvaluationRun:
        since.append(before is not None)
        return whole(scan, estate, before)

    monkeypatch.setattr(EstateScan, "run", spied)
    assert assessment_worker.find_due_request(settings, state, datetime.now(UTC)) is None
    put(state, 3)
    request = assessment_worker.find_due_request(settings, state, datetime.now(UTC))
    assert request is not None
    assert request.targets == ("facts:",)
    assert read_last_scan_request(settings.data) == request

    def assessed() -> datetime:
        assessment_worker.assess_request(settings, request or ScanRequest(()), state, last=runs)
        return (
            History(settings.data).list_evaluations(request.series)[-1].when if request else datetime.now(UTC)
        )

    when = assessed()
    assert ended(runs) == {"NonCompliant"}
    assert assessment_worker.find_due_request(settings, state, when + timedelta(minutes=2)) is None
    put(state, 0)
    assert assessment_worker.find_due_request(settings, state, when + timedelta(seconds=59)) is None
    assert assessment_worker.find_due_request(settings, state, when + timedelta(seconds=61)) == request
    assessed()
    assert ended(runs) == {"Compliant"}
    assert since == [False, True]
    shown = PublishedSnapshotCache(settings.data).load_newest()
    assert shown is not None
    assert [one["name"] for one in shown.listing.page([MACHINES], EVERYTHING, collected=True).bodies] == [
        "web01"
    ]
    remove_external_facts(state, BY, f"{MACHINE}/patchAssessmentResults/latest", datetime.now(UTC))
    when = assessed()
    assert ended(runs) == {"Unknown"}
    assert state.checkpoints.all(FORGOTTEN) == {}
    remove_external_facts(state, BY, MACHINE, datetime.now(UTC))
    assert assessment_worker.find_due_request(settings, state, when + timedelta(minutes=2)) == request
    assessed()
    shown = PublishedSnapshotCache(settings.data).load_newest()
    assert shown is not None
    assert shown.listing.page([MACHINES], EVERYTHING, collected=True).bodies == ()
    assert (
        assessment_worker.find_due_request(settings, state, datetime.now(UTC) + timedelta(minutes=2)) is None
    )


@pytest.mark.full
def test_of_a_large_estate_no_run_is_kept(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessment_worker, "KEPT_RESOURCES", 1)
    put(state, 0)
    runs = assessment_worker.LastRuns()
    assessment_worker.assess_request(
        ServeSettings(data=tmp_path / "data"), ScanRequest(("facts:",)), state, last=runs
    )
    assert runs.runs == {}
