"""The newest version of a table: read on from what this process knows, whole where the folder is another."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.storage import snapshot
from nephoscope.lake.storage.snapshot import TableSnapshots
from nephoscope.lake.storage.table_store import table_path
from nephoscope.state import State

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLE = "Heartbeat"


def write(data: Path, sequence: int, rows: int = 1) -> None:
    """Commit rows of a machine."""
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        several = [{"TimeGenerated": NOW, "Computer": f"c{number}"} for number in range(rows)]
        place = state.workspaces.get("default")
        table = to_arrow_rows(lake.tables[TABLE], several, workspace=place, now=NOW).table
        lake.writer().append("default", {TABLE: table}, producer="test", sequence=sequence)
        lake.flush()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The tables that were read whole."""
    found: list[Path] = []
    open_table = snapshot.open_table

    def counted(path: Path) -> object:
        found.append(path)
        return open_table(path)

    monkeypatch.setattr(snapshot, "open_table", counted)
    return found


def test_a_table_is_read_on_from_what_is_known(tmp_path: Path, opened: list[Path]) -> None:
    path = table_path(tmp_path.resolve(), "default", TABLE)
    assert TableSnapshots().newest_snapshot(path) is None
    write(tmp_path, 1)
    opened.clear()
    first = TableSnapshots().newest_snapshot(path)
    for sequence in (2, 3):
        write(tmp_path, sequence)
        newest = TableSnapshots().newest_snapshot(path)
        assert newest is not None
        assert len(newest.files) == sequence
    assert first is not None
    assert len(first.files) == 1, "a version stays as it is"
    assert len(opened) <= 1, "whole once, by this test or by the writer"
    assert TableSnapshots().newest_snapshot(path) is newest


@pytest.mark.parametrize("versions", [1, 2, 3], ids=["fewer", "as many", "more"])
def test_a_folder_that_is_another_is_read_whole(tmp_path: Path, versions: int) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    path = table_path(data.resolve(), "default", TABLE)
    for sequence in (1, 2):
        write(data, sequence)
    assert TableSnapshots().newest_snapshot(path) is not None
    for sequence in range(1, versions + 1):
        write(other, sequence, rows=5)
    shutil.rmtree(data)
    shutil.copytree(other, data)
    newest = TableSnapshots().newest_snapshot(path)
    assert newest is not None
    assert [file.rows for file in newest.files] == [5] * versions


def test_a_table_that_is_gone_is_none(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = table_path(tmp_path.resolve(), "default", TABLE)
    assert TableSnapshots().newest_snapshot(path) is not None
    shutil.rmtree(path)
    assert TableSnapshots().newest_snapshot(path) is None
