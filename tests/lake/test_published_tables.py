"""The published tables: every line is a table, rows land typed, queries compile, and wildcards do not open them."""

from __future__ import annotations

import datetime as dt
import io
import json

import pytest

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.schema.column_types import STANDARD
from nephoscope.lake.schema.published_tables import PublishedTables, load_published_tables
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace
from nephoscope_kql.types import KqlType

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


def test_every_line_is_a_table_that_has_no_definition_of_its_own() -> None:
    published = load_published_tables()
    assert len(published) > 700
    assert list(published) == sorted(published, key=str.lower)
    assert not published.keys() & Tables.from_definitions().by_name.keys()
    assert len(Tables.builtin()) == len(published) + len(Tables.from_definitions())
    for name, table in published.items():
        assert table.name == name
        assert STANDARD.items() <= table.types.items()
        assert len(set(table.stored_columns.values())) == len(table.columns)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A\tx:integer", "here:1: .*integer"),
        ("# a note\nA\tx:long x", "here:2: table A: a column is listed twice"),
        ("A\tx\nA\ty", "here: a table is defined twice"),
        ("A b\tx", "here:1: .*not a table name"),
        ("A\tTimeGenerated", "here:1: .*standard column TimeGenerated"),
    ],
)
def test_a_broken_line_says_where(text: str, reason: str) -> None:
    with pytest.raises(LakeError, match=reason):
        list(PublishedTables(text, "here").values())


def test_a_table_is_parsed_when_it_is_asked_for() -> None:
    broken = PublishedTables("A\tx:integer\nB\ty:long", "here")
    assert "A" in broken
    assert broken["B"].types["y"] == KqlType.LONG
    with pytest.raises(KeyError):
        broken["C"]


def test_a_query_over_a_published_table_compiles_and_a_wildcard_does_not_open_it(lake: Lake) -> None:
    (found,) = lake.query("OTelSpans | getschema | where ColumnName == 'TimeGenerated' | project ColumnType")
    assert found.table.to_pylist() == [{"ColumnType": "datetime"}]
    with lake.catalog() as catalog:
        assert "OTelSpans" in catalog.known_tables()
        assert not {*catalog.names()} & load_published_tables().keys()


def test_rows_that_are_sent_to_a_published_table_land_typed() -> None:
    row = {
        "Type": "AACHttpRequest",
        "TimeGenerated": "2026-06-01T10:00:00Z",
        "DurationMs": "12",
        "HitCount": "",
    }
    (found,) = read(
        io.BytesIO(json.dumps(row).encode()),
        load_formats(),
        StreamContext("a", NOW),
        tables=Tables.builtin(),
        workspace=Workspace.from_name("default"),
    )
    assert not found.bad
    assert found.tables["AACHttpRequest"].select(["DurationMs", "HitCount"]).to_pylist() == [
        {"DurationMs": 12, "HitCount": None}
    ]


def test_an_imported_definition_replaces_a_published_one(lake: Lake) -> None:
    lake.import_table(LakeTable.of("Okta_CL", {"Actor": KqlType.DYNAMIC}))
    assert lake.tables["Okta_CL"].types["Actor"] == KqlType.DYNAMIC
    assert "eventType_s" not in lake.tables["Okta_CL"].types
    assert Tables.builtin()["Okta_CL"] is load_published_tables()["Okta_CL"]
