"""A state whose disk has no room: what that means is said, and what was kept can be read.

A link to nowhere in the place of SQLite's shared memory stands for the file that a full disk has no room for: with either a database
cannot be opened.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result

from nephoscope.ingest.logs import backpressure
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.storage import version_pins
from nephoscope.state import State, StateError
from nephoscope.state.database import disk_full_fallback
from nephoscope.state.database.database import DiskFullError


def kept(data: Path) -> None:
    with State.open_folder(data) as state:
        state.workspaces.add("soc", description="kept")


def obstruct(data: Path) -> Path:
    obstacle = data / "state.db-shm"
    obstacle.symlink_to(data / "nowhere" / "state.db-shm")
    return obstacle


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no byte is free, as far as is asked."""
    nothing = SimpleNamespace(f_bavail=0, f_frsize=4096, f_favail=9)
    monkeypatch.setattr(disk_full_fallback.os, "statvfs", lambda _: nothing)

    def refused(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(version_pins.os, "pwrite", refused)


def test_a_state_on_a_full_disk_is_read_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    fill(monkeypatch)
    obstacle = obstruct(tmp_path)
    with pytest.raises(DiskFullError, match=r"the disk is full \(0 KiB are free\)"):
        State.open_folder(tmp_path)
    with State.open_folder(tmp_path, copy=True) as state:
        assert state.database.copied
        assert state.workspaces.get("soc").description == "kept"
        assert [one.name for one in state.workspaces.all()] == ["default", "soc"]
        with pytest.raises(DiskFullError, match="the disk is full"):
            state.workspaces.add("other")
        assert state.sources.all() == ()
    obstacle.unlink()
    with State.open_folder(tmp_path, copy=True) as state:
        assert not state.database.copied
        state.workspaces.add("other")


def test_what_is_not_in_the_file_yet_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    fill(monkeypatch)
    obstruct(tmp_path)
    (tmp_path / "state.db-wal").write_bytes(b"commits that wait")
    with pytest.raises(DiskFullError):
        State.open_folder(tmp_path, copy=True)


def test_where_there_is_room_the_failure_is_another(tmp_path: Path) -> None:
    kept(tmp_path)
    obstruct(tmp_path)
    with pytest.raises(StateError, match="unable to open") as told:
        State.open_folder(tmp_path, copy=True)
    assert not isinstance(told.value, DiskFullError)


def test_commands_show_what_is_kept(
    tmp_path: Path, nephoscope: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path)
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        table, place = lake.tables["Syslog"], lake.workspace("soc")
        rows = [{"TimeGenerated": place.created, "Computer": "a"}]
        made = to_arrow_rows(table, rows, workspace=place, now=place.created)
        lake.writer().append("soc", {"Syslog": made.table}, producer="p", sequence=0)
    obstruct(tmp_path)
    fill(monkeypatch)
    shown = {
        ("query", "Syslog | project Computer", "--workspace", "soc", "--output", "csv"): "a",
        ("tables", "list", "--output", "csv"): "Syslog",
        ("workspaces", "list", "--output", "csv"): "kept",
        ("sources", "list"): "no source",
    }
    for arguments, wanted in shown.items():
        done = nephoscope(tmp_path, *arguments)
        assert (done.exit_code, wanted in done.output) == (0, True), done.output
        assert "the disk is full: stored data can be read" in done.stderr
    for arguments in (("workspaces", "add", "other"), ("sources", "run"), ("ingest", __file__)):
        done = nephoscope(tmp_path, *arguments)
        assert (done.exit_code, "nothing can be kept before there is room" in done.stderr) == (2, True)


def answers(*found: int | type[BaseException]) -> Callable[..., int]:
    """What the disk says of its free bytes, one answer after the other; the last again and again. An exception is a signal."""
    left = list(found)

    def free(*_: object) -> int:
        one = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(one, int):
            return one
        raise one

    return free


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(backpressure, "PAUSE", 0.01)
    path = tmp_path / "a.jsonl"
    now = datetime.now(UTC).isoformat()
    path.write_text("".join(f'{{"TimeGenerated": "{now}", "Computer": "m{n}"}}\n' for n in range(5)))
    return path


def test_a_load_waits_for_room_and_says_so_once(
    tmp_path: Path, log: Path, nephoscope: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Disk, "free", answers(*[1 << 20] * 5, 1 << 40))
    done = nephoscope(tmp_path / "data", "ingest", log, "--table", "Syslog", "--output", "json")
    assert done.exit_code == 0
    assert done.stderr.count("the disk has 1 MiB left, and 64 MiB are reserved") == 1
    assert done.stderr.count("there is room again: ingestion continues") == 1
    found = json.loads(done.stdout)
    assert (found["rows"], found["files"]["read"]) == ({"Syslog": 5}, 1)


@pytest.mark.parametrize("signal", [SystemExit, KeyboardInterrupt])
def test_a_load_that_is_ended_while_it_waits_says_that_it_is_not_done(
    tmp_path: Path,
    log: Path,
    nephoscope: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    signal: type[BaseException],
) -> None:
    with monkeypatch.context() as full:
        full.setattr(Disk, "free", answers(1 << 20, 1 << 20, signal))
        done = nephoscope(tmp_path / "data", "ingest", log, "--table", "Syslog", "--output", "json")
    assert f"{log} was not read completely: run the same command to continue" in done.stderr
    found = json.loads(done.stdout)
    assert (found["rows"], found["files"]["read"], found["files"]["incomplete"]) == ({}, 0, 1)
    done = nephoscope(tmp_path / "data", "ingest", log, "--table", "Syslog", "--output", "json")
    assert (done.exit_code, json.loads(done.stdout)["rows"]) == (0, {"Syslog": 5})
    counted = nephoscope(tmp_path / "data", "query", "Syslog | count", "--output", "csv")
    assert counted.stdout.split() == ["Count", "5"]
