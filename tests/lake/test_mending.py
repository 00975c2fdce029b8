"""A table that a power cut left with a torn log: readable again as soon as somebody asks, and nothing acknowledged is lost."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State

NOW = dt.datetime.now(dt.UTC)


def written(lake: Lake, count: int) -> None:
    for sequence in range(count):
        rows = [{"TimeGenerated": NOW, "ProcessID": sequence}]
        table = to_arrow_rows(lake.tables["Syslog"], rows, workspace=lake.workspace(), now=NOW).table
        lake.writer().append("default", {"Syslog": table}, producer="p", sequence=sequence)
        lake.flush()


@pytest.mark.parametrize("left", [b"", b'{"add":{"path"', b"{}\n{"])
def test_a_torn_entry_is_put_aside(tmp_path: Path, state: State, left: bytes) -> None:
    with Lake.open(tmp_path / "data", state) as lake:
        written(lake, 3)
    log = tmp_path / "data/lake/default/Syslog/_delta_log"
    last = max(int(file.stem) for file in log.glob("*.json"))
    (log / f"{last + 1:020d}.json").write_bytes(left)
    (log / f"{last + 2:020d}.json").write_text('{"commitInfo":{}}')
    with Lake.open(tmp_path / "data", state) as lake:
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 3}]
        written(lake, 5)
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 5}]
    assert len(list(log.glob("*.torn-*"))) == 2


def test_a_torn_checkpoint_is_done_without(
    tmp_path: Path, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nephoscope.lake.storage.table_store.CHECKPOINT_EVERY", 2)
    with Lake.open(tmp_path / "data", state) as lake:
        written(lake, 4)
    log = tmp_path / "data/lake/default/Syslog/_delta_log"
    for file in log.glob("*.checkpoint.parquet"):
        file.write_bytes(file.read_bytes()[:-9])
    with Lake.open(tmp_path / "data", state) as lake:
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 4}]
        written(lake, 6)
        assert lake.query("Syslog | count")[0].table.to_pylist() == [{"Count": 6}]
