"""Days that a query cannot need are not opened: their files hold garbage, and nobody notices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import duckdb
import pytest

from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.row_conversion import to_arrow_rows
from nephoscope.state import State

SCOPED = "set query_datetimescope_column = 'TimeGenerated'; set query_datetimescope_from = datetime(2026-06-09T12:00:00); "
NOW = dt.datetime(2026, 6, 10, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Ten days, a row an hour; the files of the first seven are garbage."""
    data = tmp_path_factory.mktemp("days") / "data"
    rows = [{"TimeGenerated": NOW - dt.timedelta(hours=n), "ProcessID": n} for n in range(240)]
    with State.open_folder(data) as state, Lake.open(data, state) as lake:
        for name in ("Syslog", "Event"):
            table = to_arrow_rows(lake.tables[name], rows, workspace=lake.workspace(), now=NOW).table
            lake.writer().append("default", {name: table}, producer=name, sequence=0)
        lake.flush()
        for file in (data / "lake").rglob("*.parquet"):
            if file.parent.name < "_Day=2026-06-08":
                file.write_bytes(b"garbage" * 200)
        yield lake


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Syslog | where TimeGenerated > ago(1d) | count", 24),
        ("Syslog | where TimeGenerated >= ago(1d) | count", 25),
        ("Syslog | where ago(60h) < TimeGenerated and TimeGenerated < ago(1d) | count", 35),
        ("Syslog | where TimeGenerated between (datetime(2026-06-08) .. 23h) | count", 24),
        ("Syslog | where TimeGenerated >= datetime(2026-06-07T23:59:59.9999999) | count", 61),
        ("let since = ago(30h); Syslog | where TimeGenerated > since | count", 30),
        ("Syslog | extend n = ProcessID + 1 | where TimeGenerated > ago(1d) and n > 0 | count", 24),
        (
            "union (Syslog | where TimeGenerated > ago(1d)), (Event | where TimeGenerated > ago(2d)) | count",
            72,
        ),
        (
            "let S = (d: timespan) { Syslog | where TimeGenerated > ago(d) }; S(1d) | union (S(2d)) | count",
            72,
        ),
        ("let E = Event | where TimeGenerated > ago(1d); E | join (E) on TimeGenerated | count", 24),
        (
            "let E = Event | where TimeGenerated > ago(1d); E | where Computer in ((E | project Computer)) | count",
            24,
        ),
        (SCOPED + "Syslog | count", 25),
        ("search in (Syslog) TimeGenerated > ago(1d) | count", 24),
    ],
)
def test_other_days_are_not_opened(spoiled: Lake, text: str, count: int) -> None:
    assert spoiled.query(text, now=NOW)[-1].table.to_pylist() == [{"Count": count}]


@pytest.mark.parametrize("text", ["Syslog | count", "Syslog | where TimeGenerated > ago(9d) | count"])
def test_days_that_are_needed_are_opened(spoiled: Lake, text: str) -> None:
    with pytest.raises(duckdb.InvalidInputException, match="magic bytes"):
        spoiled.query(text, now=NOW)
