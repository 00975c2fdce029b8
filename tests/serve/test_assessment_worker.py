"""The worker that assesses: what fails rests for a while, the sample is judged until a tenant is there, pages tell why not."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.sample.some_subscriptions import copy_some

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.collect.azure.tenant_connection import TenantSecrets
from nephoscope.collect.resources import SnapshotError
from nephoscope.instance import ASSESS_SOON, FAILED, NO_TENANT, Instance, build_hierarchy
from nephoscope.lake.lake import Lake
from nephoscope.posture.published import publishing
from nephoscope.posture.published.build_info import BuildInfo, build_evaluation_row
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.scans import run_recording, tenants
from nephoscope.posture.scans.scan import ScanRequest, read_last_scan_request, save_request
from nephoscope.serve import assessment_worker
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.estate.tenants import Tenant, TenantConnection
from nephoscope.web.page_data.assessment_progress import NOTHING, explain_staleness

ASKED = TenantConnection(
    "11111111-2222-3333-4444-555555555555", "secret", "22222222-2222-3333-4444-555555555555"
)

RUNNING = threading.Event()


@pytest.fixture
def tries(monkeypatch: pytest.MonkeyPatch) -> list[ScanRequest]:
    """What is assessed, each time in vain."""
    found: list[ScanRequest] = []

    def fails(settings: ServeSettings, request: ScanRequest, *_: object) -> None:
        found.append(request)
        raise SnapshotError("no such folder")

    monkeypatch.setattr(assessment_worker, "assess_request", fails)
    return found


@pytest.mark.full
def test_what_fails_rests_longer_each_time_but_not_when_it_is_asked_for(
    state: State, tmp_path: Path, tries: list[ScanRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, rest, clock = ServeSettings(data=tmp_path / "data"), assessment_worker.RetryBackoff(), [0.0]
    monkeypatch.setattr(assessment_worker.time, "monotonic", lambda: clock[0])
    save_request(ScanRequest(("estate.json",)), settings.data)
    times = []
    for second in range(0, 1200, 5):
        clock[0] = float(second)
        before = len(tries)
        assessment_worker._assess_when_due(settings, state, rest, RUNNING)
        times += [second] * (len(tries) - before)
    assert times == [0, 5, 15, 35, 75, 155, 315, 615, 915]
    state.checkpoints.put(*ASSESS_SOON, "2026-11-01T00:00:00+00:00")
    assessment_worker._assess_when_due(settings, state, rest, RUNNING)
    save_request(ScanRequest(("other.json",)), settings.data)
    assessment_worker._assess_when_due(settings, state, rest, RUNNING)
    assert len(tries) == len(times) + 2


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One subscription of the sample, for what does not depend on how large an estate is."""
    return str(copy_some(tmp_path_factory.mktemp("small") / "snapshot", "sandbox"))


@pytest.fixture
def instance(state: State, lake: Lake, tmp_path: Path) -> Instance:
    data = tmp_path / "data"
    snapshots = PublishedSnapshotCache(data)
    return Instance(
        data,
        state,
        lake,
        snapshots,
        Guard(state, lambda: build_hierarchy(snapshots)),
        AccessTokenIssuer(state, data / "keys", NO_TENANT),
    )


def test_a_tenant_that_cannot_be_signed_in_to_stops_nothing_else(
    state: State, instance: Instance, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> Path:
        raise SnapshotError("could not sign in")

    monkeypatch.setattr(tenants, "collect_snapshot", refused)
    settings, rest = ServeSettings(data=instance.data), assessment_worker.RetryBackoff()
    save_request(ScanRequest((small,)), settings.data)
    tenants.connect(state, Tenant("contoso", ASKED), TenantSecrets("s"))
    assessment_worker._assess_when_due(settings, state, rest, RUNNING)
    first = instance.snapshots.load_newest()
    assert first is not None
    assert explain_staleness(instance) == "The last assessment failed: contoso: could not sign in"
    tenants.remove_tenant(state, "contoso")
    state.checkpoints.put(*ASSESS_SOON, instance.now.isoformat())
    assessment_worker._assess_when_due(settings, state, rest, RUNNING)
    newest = instance.snapshots.load_newest()
    assert newest is not None
    assert newest.build_info.when > first.build_info.when
    assert (explain_staleness(instance), state.checkpoints.get(*FAILED)) == ("", "")
    (settings.data / "posture" / "last-scan.json").unlink()
    assert read_last_scan_request(settings.data) is None
    assert explain_staleness(instance) == NOTHING


@pytest.mark.full
def test_what_was_noted_and_not_published_is_assessed_again(
    state: State, instance: Instance, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, request = ServeSettings(data=instance.data), ScanRequest((small,))
    save_request(request, instance.data)
    with monkeypatch.context() as patch:
        patch.setattr(run_recording, "publish_tenants", lambda *_, **__: None)
        assessment_worker.assess_request(settings, request, state)
    assert instance.snapshots.load_newest() is None
    assert assessment_worker.find_due_request(settings, state, instance.now) is not None
    assessment_worker.assess_request(settings, request, state)
    assert instance.snapshots.load_newest() is not None
    assert assessment_worker.find_due_request(settings, state, instance.now) is None


class Once(threading.Event):
    """Ends a worker when it has looked once."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def of_an_older_release(evaluation: BuildInfo) -> dict[str, Any]:
    """The row of an evaluation as it was written before editions were noted."""
    row = build_evaluation_row(evaluation)
    body = json.loads(row["_body"])
    del body["edition"]
    return {**row, "_body": json.dumps(body)}


@pytest.mark.full
def test_what_an_older_release_published_is_judged_and_published_anew_at_the_start(
    state: State,
    instance: Instance,
    small: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings, request = ServeSettings(data=instance.data), ScanRequest((small,))
    save_request(request, instance.data)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "build_evaluation_row", of_an_older_release)
        assessment_worker.assess_request(settings, request, state)
    older = instance.snapshots.load_newest()
    assert older is not None
    assert older.build_info.is_outdated
    with caplog.at_level("INFO", "nephoscope.assessing"):
        assessment_worker.run_assessment_worker(settings, Once())
    assert "the published assessment is from an older release: it is shown until" in caplog.text
    newer = instance.snapshots.load_newest()
    assert newer is not None
    assert (newer.version > older.version, newer.build_info.is_outdated) == (True, False)
    assert assessment_worker.find_due_request(settings, state, instance.now) is None
    caplog.clear()
    assessment_worker.run_assessment_worker(settings, Once())
    assert caplog.text == ""


def test_what_an_older_release_judged_and_nobody_knows_is_told(
    instance: Instance, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    evaluation = BuildInfo(instance.now, "all", 0, None, 0.0, 0.0, {}, (), {}, (), (), 0, {}, {})
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "build_evaluation_row", of_an_older_release)
        publishing.publish_documents(instance.data, [], evaluation)
    assessment_worker.run_assessment_worker(ServeSettings(data=instance.data), Once())
    assert "its source is unknown: scan again" in caplog.text


def test_an_assessment_ends_when_the_server_does(state: State, instance: Instance, small: str) -> None:
    ending = threading.Event()
    ending.set()
    save_request(ScanRequest((small,)), instance.data)
    with pytest.raises(assessment_worker.ServerEndingError):
        assessment_worker.assess_request(
            ServeSettings(data=instance.data), ScanRequest((small,)), state, ending
        )
    assessment_worker.run_assessment_worker(ServeSettings(data=instance.data), ending)
    assert instance.snapshots.load_newest() is None
