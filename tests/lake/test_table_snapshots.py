"""The newest version of a table: read on from what this process knows, whole where the folder is another."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.column_types import DAY, TIME
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.lake.storage import snapshot
from nephoscope.lake.storage.delta_table import LOG
from nephoscope.lake.storage.log_entries import AddedFile, LogCommit, read_log_entry
from nephoscope.lake.storage.snapshot import TableSnapshots, read_snapshot
from nephoscope.lake.storage.table_store import get_table_path
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
    path = get_table_path(tmp_path.resolve(), "default", TABLE)
    assert TableSnapshots().read_newest_snapshot(path) is None
    write(tmp_path, 1)
    opened.clear()
    first = TableSnapshots().read_newest_snapshot(path)
    for sequence in (2, 3):
        write(tmp_path, sequence)
        newest = TableSnapshots().read_newest_snapshot(path)
        assert newest is not None
        assert len(newest.files) == sequence
    assert first is not None
    assert len(first.files) == 1, "a version stays as it is"
    assert len(opened) <= 1, "whole once, by this test or by the writer"
    assert TableSnapshots().read_newest_snapshot(path) is newest


def test_what_is_read_on_by_entries_of_the_log_is_what_the_whole_table_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = get_table_path(tmp_path.resolve(), "default", TABLE)
    write(tmp_path, 1)
    before = TableSnapshots().read_newest_snapshot(path)
    monkeypatch.setattr(snapshot, "update_table", lambda *_: pytest.fail("the handle was asked"))
    for sequence in (2, 3):
        write(tmp_path, sequence, rows=sequence)
    with State.open_folder(tmp_path) as state, Lake.open(tmp_path, state) as lake:
        assert lake.compact(1)
    write(tmp_path, 4)
    newest = TableSnapshots().read_newest_snapshot(path)
    assert before is not None
    assert newest is not None
    assert newest.version >= before.version + 4
    assert newest == read_snapshot(DeltaTable(path), path)


_ADD: dict[str, object] = {
    "path": f"{DAY}=2026-11-20/part-a.parquet",
    "partitionValues": {DAY: "2026-11-20"},
    "size": 7,
    "modificationTime": 1,
    "dataChange": True,
    "stats": json.dumps({"numRecords": 3, "minValues": {TIME: "2026-11-20T12:00:00.000Z"}, "maxValues": {}}),
}
_ADDED = AddedFile(f"{DAY}=2026-11-20/part-a.parquet", NOW.date(), 7, 3, NOW, None)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([{"commitInfo": {"operation": "WRITE"}}, {"add": _ADD}], LogCommit((_ADDED,), frozenset())),
        (
            [{"add": _ADD}, {"remove": {"path": "b", "dataChange": False}}, {"txn": {"appId": "a", "version": 1}}],
            LogCommit((_ADDED,), frozenset({"b"})),
        ),
        ([{"add": _ADD}, {"metaData": {"id": "a"}}], None),
        ([{"protocol": {"minReaderVersion": 3}}], None),
        ([{"add": {**_ADD, "stats": None}}], None),
        ([{"add": {**_ADD, "stats": json.dumps({"minValues": {TIME: "2026-11-20T12:00:00"}})}}], None),
        ([{"add": {**_ADD, "deletionVector": {"storageType": "u"}}}], None),
        ([{"add": {**_ADD, "path": "a%20b"}}], None),
        ([{"remove": {"path": "a%20b"}}], None),
        ([{"add": {**_ADD, "partitionValues": {DAY: None}}}], None),
    ],
    ids=["add", "remove", "metadata", "protocol", "no statistics", "no zone", "rows deleted", "escapes", "escapes removed", "no day"],
)  # fmt: skip
def test_an_entry_that_does_more_than_add_and_remove_files_is_left_to_the_handle(
    tmp_path: Path, lines: list[dict[str, object]], expected: LogCommit | None
) -> None:
    file = tmp_path / LOG / f"{5:020d}.json"
    file.parent.mkdir()
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert read_log_entry(tmp_path, 5) == expected
    file.write_text(file.read_text()[:-4])
    assert read_log_entry(tmp_path, 5) is None, "a torn entry"
    assert read_log_entry(tmp_path, 6) is None


@pytest.mark.parametrize("versions", [1, 2, 3], ids=["fewer", "as many", "more"])
def test_a_folder_that_is_another_is_read_whole(tmp_path: Path, versions: int) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    path = get_table_path(data.resolve(), "default", TABLE)
    for sequence in (1, 2):
        write(data, sequence)
    assert TableSnapshots().read_newest_snapshot(path) is not None
    for sequence in range(1, versions + 1):
        write(other, sequence, rows=5)
    shutil.rmtree(data)
    shutil.copytree(other, data)
    newest = TableSnapshots().read_newest_snapshot(path)
    assert newest is not None
    assert [file.rows for file in newest.files] == [5] * versions


def test_a_table_that_is_gone_is_none(tmp_path: Path) -> None:
    write(tmp_path, 1)
    path = get_table_path(tmp_path.resolve(), "default", TABLE)
    assert TableSnapshots().read_newest_snapshot(path) is not None
    shutil.rmtree(path)
    assert TableSnapshots().read_newest_snapshot(path) is None
