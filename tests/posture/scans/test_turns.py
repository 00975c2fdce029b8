"""Evaluations of a data folder take turns; one that lost its turn keeps nothing, and readers never wait."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli
from nephoscope.cli.session.progress_lines import WaitingLines
from nephoscope.estate import evaluation_lease as turns_module
from nephoscope.estate.evaluation_lease import (
    LEASE,
    SERVER_LEASE,
    EstateTurn,
    TurnLostError,
    TurnTakenError,
    acquire_estate_turn,
)
from nephoscope.posture.history.history import History
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest, read_last_scan_request, save_request
from nephoscope.serve import assessment_worker
from nephoscope.serve.server_settings import ServeSettings
from nephoscope.state import State
from nephoscope.state.leases.lease_renewal import Turns

GROUP = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/app"
SERIES = "default | nephoscope | "
AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot of one resource group with a network security group."""
    file = tmp_path / "estate.json"
    group = f'{{"id": "{GROUP}/providers/Microsoft.Network/networkSecurityGroups/n", "properties": {{}}}}'
    file.write_text(f"[{group}]")
    return file


@pytest.fixture
def report(snapshot: Path, tmp_path: Path) -> Report:
    scan = EstateScan(ScanRequest((str(snapshot),)), tmp_path / "data", AT)
    return Report(scan.run(scan.estate()), "test")


def later(report: Report, hours: int) -> Report:
    return replace(report, run=replace(report.run, now=AT.replace(hour=hours)))


@dataclass
class Takes:
    """A turn that another process takes, and in which it keeps an evaluation, when it was asked for a number of times."""

    after: int
    work: Any
    asked: int = 0
    taken: bool = False

    def check(self) -> None:
        self.asked += 1
        if self.taken:
            raise TurnLostError
        if self.asked == self.after:
            # the process stands still right behind the look at its lease
            self.taken = True
            self.work()


def only_here(monkeypatch: pytest.MonkeyPatch, sleep: Callable[[float], None]) -> None:
    """Have turns wait by a function of the test; other threads, which wait by the clock, keep theirs."""
    monkeypatch.setattr(turns_module, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("after", range(1, 7))
def test_who_stood_still_keeps_nothing_over_what_another_kept(
    report: Report, tmp_path: Path, after: int
) -> None:
    data = tmp_path / "data"
    first = Recorder(data, SERIES)
    first.record(report)
    newer = later(report, 3)
    turn = Takes(after, lambda: first.record(newer))
    with pytest.raises(Exception, match=r"took over|is not newer"):
        Recorder(data, SERIES, turn).record(later(report, 2))  # type: ignore[arg-type]
    # at the fifth look its evaluation is kept already, and only publishing it is left
    own = [later(report, 2).now] if after >= 5 else []
    assert [one.when for one in History(data).list_evaluations(SERIES)] == [AT, *own, newer.now]
    kept = History(data).list_evaluations(SERIES)[-1]
    assert dict(History(data).read_remembered_states(kept))
    shown = PublishedSnapshotCache(data).load_newest()
    assert shown is not None
    assert shown.build_info.when == newer.now


@pytest.mark.full
def test_what_another_had_kept_before_it_stood_still_is_what_is_compared_with(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    stale = Recorder(data, SERIES)
    real, came = History.read_remembered_states, []

    def past(self: History, evaluation: Any) -> Any:
        if not came:
            came.append(1)
            stale.record(later(report, 2))
        return real(self, evaluation)

    stale.record(report)
    monkeypatch.setattr(History, "read_remembered_states", past)
    compared: list[datetime] = []
    before = History.find_last_before

    def noted(self: History, scope: str, when: datetime) -> Any:
        found = before(self, scope, when)
        compared.append(found.when)
        return found

    monkeypatch.setattr(History, "find_last_before", noted)
    Recorder(data, SERIES).record(later(report, 3))
    assert compared[-1] == AT.replace(hour=2)
    assert [one.when.hour for one in History(data).list_evaluations(SERIES)] == [0, 2, 3]
    versions = [one.findings_version for one in History(data).list_evaluations(SERIES)]
    assert versions == sorted(set(versions))


def test_a_turn_that_was_taken_is_lost_and_one_that_only_ran_out_is_not(state: State) -> None:
    with Turns(state.leases, "one", seconds=3600) as turns, acquire_estate_turn(turns, 0, never) as turn:
        turn.check()
        short = EstateTurn(state.leases.renew(turn.lease, -1), 60)
        short.check()
        state.leases.renew(turn.lease, -1)
        assert state.leases.acquire(LEASE, "two", 60) is not None
        with pytest.raises(TurnLostError, match="what was kept before is as it was"):
            turn.check()


def never(who: str, seconds: float) -> None:
    raise AssertionError((who, seconds))


@pytest.mark.usefixtures("leases_stand")
@pytest.mark.parametrize(
    ("server", "words"),
    [(False, "another scan is still running"), (True, "the server's assessment is still running")],
)
def test_who_is_waited_for_has_a_name(state: State, server: bool, words: str) -> None:
    state.leases.acquire(LEASE, "other", 60)
    if server:
        state.leases.acquire(SERVER_LEASE, "other", 60)
    with (
        Turns(state.leases, "me") as turns,
        pytest.raises(TurnTakenError, match=words),
        acquire_estate_turn(turns, 0, never),
    ):
        pass


def test_lines_say_for_whom_and_how_long() -> None:
    said: list[str] = []
    lines = WaitingLines(10.0, said.append)
    for seconds in (0.0, 0.5, 9.5, 12.2, 13.0, 22.4):
        lines("the server's assessment", seconds)
    assert said == [f"waiting for the server's assessment, {one} s" for one in (0, 12, 22)]


def scanned(data: Path, *arguments: object) -> Result:
    return CliRunner().invoke(cli, ["--data", str(data), "scan", *map(str, arguments), "-o", "csv"])


def test_a_scan_is_remembered_with_whole_paths_so_that_a_server_in_another_folder_repeats_it(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(snapshot.parent)
    asked = ScanRequest((snapshot.name, "sample:", "tenant:gone"), decisions=(snapshot.name,))
    found = EstateScan(asked, tmp_path / "data").repeatable
    monkeypatch.chdir("/")
    assert [Path(one).is_absolute() for one in found.targets] == [True, False, False]
    assert Path(found.targets[0]).samefile(snapshot)
    assert found.decisions == found.targets[:1]
    assert found.series == asked.series, "the history goes on"


@pytest.mark.usefixtures("leases_stand")
def test_a_scan_waits_for_its_turn_and_loses_nothing(
    state: State, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    held = [state.leases.acquire(LEASE, "server", 60), state.leases.acquire(SERVER_LEASE, "server", 60)]
    refused = scanned(data, snapshot, "--wait", "0")
    assert (refused.exit_code, refused.stdout) == (2, "")
    # to see who has the turn takes a busy machine seconds
    assert re.sub(r"after \d+ s", "after 0 s", refused.stderr) == (
        "nephoscope: the server's assessment is still running in this data folder after 0 s: nothing was changed; "
        "wait longer with --wait SECONDS, or use --no-history\n"
    )
    assert read_last_scan_request(data) is None
    # readers and what keeps nothing wait for nobody
    assert scanned(data, snapshot, "--no-history").exit_code == 0
    assert scanned(data, snapshot, "--wait", "0", "--since", snapshot).exit_code == 0

    def ends(seconds: float) -> None:
        for lease in held:
            assert lease is not None
            lease.release()

    only_here(monkeypatch, ends)
    done = scanned(data, snapshot)
    assert done.exit_code == 0, done.stderr
    assert "nephoscope: waiting for the server's assessment, " in done.stderr
    assert len(History(data).list_evaluations(SERIES)) == 1


@pytest.mark.parametrize("how", ["always", "never"])
def test_a_scan_in_one_piece_or_in_parts_that_lost_its_turn_says_that_nothing_is_lost(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    data = tmp_path / "data"
    assert scanned(data, snapshot).exit_code == 0
    before = len(History(data).list_evaluations(SERIES))

    def lost(self: EstateTurn) -> None:
        raise TurnLostError

    monkeypatch.setattr(EstateTurn, "check", lost)
    done = scanned(data, snapshot, "--in-parts", how)
    assert done.exit_code == 2
    assert (
        "what this one found is not kept, and what was kept before is as it was; run it again" in done.stderr
    )
    assert len(History(data).list_evaluations(SERIES)) == before


def test_a_damaged_history_is_never_to_be_thrown_away(snapshot: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert scanned(data, snapshot).exit_code == 0
    for file in (data / "posture" / "findings").glob("*.parquet"):
        file.write_bytes(b"torn")
    done = scanned(data, snapshot)
    assert done.exit_code == 2
    assert "--no-history evaluates without it; `nephoscope restore` brings it back" in done.stderr
    assert "move" not in done.stderr


@pytest.mark.usefixtures("leases_stand")
def test_the_server_judges_what_a_scan_asked_for_before_its_turn(
    state: State, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    save_request(ScanRequest(("gone.json",)), data)
    held = state.leases.acquire(LEASE, "scan", 60)
    assert held is not None
    seen: list[Any] = []

    def ends(seconds: float) -> None:
        seen.append(state.checkpoints.get("assess", "progress"))
        save_request(ScanRequest((str(snapshot),)), data)
        held.release()

    only_here(monkeypatch, ends)
    report = assessment_worker.assess_request(ServeSettings(data=data), ScanRequest(("gone.json",)), state)
    assert report.scope == str(snapshot)
    assert [one["what"] for one in seen] == ["waiting for another scan"]
    assert state.leases.find_holder(LEASE) == ""


@pytest.mark.usefixtures("leases_stand")
def test_a_server_that_waits_for_a_scan_can_be_ended(state: State, tmp_path: Path) -> None:
    ending = threading.Event()
    ending.set()
    state.leases.acquire(LEASE, "scan", 60)
    with pytest.raises(assessment_worker.ServerEndingError):
        assessment_worker.assess_request(
            ServeSettings(data=tmp_path / "data"), ScanRequest(("x.json",)), state, ending
        )
