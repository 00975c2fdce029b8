"""A state whose disk has no room: what that means is said, and what was kept can be read.

A link to nowhere in the place of SQLite's shared memory stands for the file that a full disk has no room for: with either a database
cannot be opened.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import Result

from nephoscope.lake import pins
from nephoscope.lake.lake import Lake
from nephoscope.lake.rows import arrow_of
from nephoscope.lake.state import State, StateError, full_disk
from nephoscope.lake.state.database import DiskFullError


def kept(data: Path) -> None:
    with State.of(data) as state:
        state.workspaces.add("soc", description="kept")


def obstruct(data: Path) -> Path:
    obstacle = data / "state.db-shm"
    obstacle.symlink_to(data / "nowhere" / "state.db-shm")
    return obstacle


def fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on no byte is free, as far as is asked."""
    nothing = SimpleNamespace(f_bavail=0, f_frsize=4096, f_favail=9)
    monkeypatch.setattr(full_disk.os, "statvfs", lambda _: nothing)

    def refused(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pins.os, "pwrite", refused)


def test_a_state_on_a_full_disk_is_read_from_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    fill(monkeypatch)
    obstacle = obstruct(tmp_path)
    with pytest.raises(DiskFullError, match=r"the disk is full \(0 KiB are free\)"):
        State.of(tmp_path)
    with State.of(tmp_path, copy=True) as state:
        assert state.database.copied
        assert state.workspaces.get("soc").description == "kept"
        assert [one.name for one in state.workspaces.all()] == ["default", "soc"]
        with pytest.raises(DiskFullError, match="the disk is full"):
            state.workspaces.add("other")
        assert state.sources.all() == ()
    obstacle.unlink()
    with State.of(tmp_path, copy=True) as state:
        assert not state.database.copied
        state.workspaces.add("other")


def test_what_is_not_in_the_file_yet_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept(tmp_path)
    fill(monkeypatch)
    obstruct(tmp_path)
    (tmp_path / "state.db-wal").write_bytes(b"commits that wait")
    with pytest.raises(DiskFullError):
        State.of(tmp_path, copy=True)


def test_where_there_is_room_the_failure_is_another(tmp_path: Path) -> None:
    kept(tmp_path)
    obstruct(tmp_path)
    with pytest.raises(StateError, match="unable to open") as told:
        State.of(tmp_path, copy=True)
    assert not isinstance(told.value, DiskFullError)


def test_commands_show_what_is_kept(
    tmp_path: Path, nephoscope: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(tmp_path)
    with State.of(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        table, place = lake.tables["Syslog"], lake.workspace("soc")
        rows = [{"TimeGenerated": place.created, "Computer": "a"}]
        made = arrow_of(table, rows, workspace=place, now=place.created)
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
        assert "the disk is full: what is kept can be read" in done.stderr
    for arguments in (("workspaces", "add", "other"), ("sources", "run"), ("ingest", __file__)):
        done = nephoscope(tmp_path, *arguments)
        assert (done.exit_code, "nothing can be kept before there is room" in done.stderr) == (2, True)
