"""The tables of the lake and of the detections are not written by a record that names one of them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nephoscope.ingest.live.health.health_rows import build_heartbeat_row
from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.types import KqlType

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
OWN = ["Usage", "SentinelHealth", "SecurityAlert", "SecurityIncident"]


def _as_json(row: dict[str, str]) -> bytes:
    return json.dumps(row).encode()


def _as_csv(row: dict[str, str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([row.keys(), row.values()])
    return text.getvalue().encode()


def _as_parquet(row: dict[str, str]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row]), file)
    return file.getvalue()


AS = [_as_json, _as_csv, _as_parquet]


def _parsed(data: bytes, table: str = "") -> ParsedBatch:
    context = StreamContext("a", NOW, table=table)
    (found,) = read(
        io.BytesIO(data),
        load_formats(),
        context,
        tables=Tables.builtin(),
        workspace=Workspace.from_name("default"),
    )
    return found


@pytest.mark.parametrize("written", AS)
@pytest.mark.parametrize("table", [*OWN, "_Quarantine"])
def test_a_record_does_not_name_a_table_of_the_lakes_own(
    table: str, written: Callable[[dict[str, str]], bytes]
) -> None:
    found = _parsed(written({"Type": table, "TimeGenerated": "2026-06-01T10:00:00Z", "Source": "forged"}))
    assert not found.tables
    (entry,) = found.bad
    assert table in entry.reason
    assert found.outcome.aside == 1


@pytest.mark.parametrize("written", AS)
def test_such_a_table_may_be_asked_for_but_the_quarantine(written: Callable[[dict[str, str]], bytes]) -> None:
    row = {"Type": "x", "TimeGenerated": "2026-06-01T10:00:00Z"}
    for table in OWN:
        assert _parsed(written(row), table).tables[table].num_rows == 1
    assert not _parsed(written(row), "_Quarantine").tables
    assert _parsed(written(row), "_Quarantine").bad


def test_a_record_names_a_table_that_was_imported_or_is_told_that_there_is_none() -> None:
    row = {"Type": "MyApp_CL", "TimeGenerated": "2026-06-01T10:00:00Z", "Name": "b"}
    own = LakeTable.of("MyApp_CL", {"Name": KqlType.STRING})
    (found,) = read(
        io.BytesIO(_as_json(row)),
        load_formats(),
        StreamContext("a", NOW),
        tables=Tables({own.name: own}),
        workspace=Workspace.from_name("default"),
    )
    assert found.tables["MyApp_CL"].column("Name").to_pylist() == ["b"]
    (entry,) = _parsed(_as_json(row)).bad
    assert entry.reason == "table 'MyApp_CL' not found: import its definition first"
    assert "no format recognizes" in _parsed(_as_json(row | {"Type": "Microsoft.Any/thing"})).bad[0].reason


def test_a_heartbeat_of_an_agent_is_taken_and_one_of_the_collector_is_not() -> None:
    own = {name: str(value) for name, value in build_heartbeat_row(NOW).items()} | {"Type": "Heartbeat"}
    assert not _parsed(_as_json(own)).tables
    assert _parsed(_as_json(own | {"Category": "Direct Agent"})).tables["Heartbeat"].num_rows == 1
