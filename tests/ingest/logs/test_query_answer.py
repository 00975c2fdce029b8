"""Answers of a query interface are rows of the table that they or the user name."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nephoscope.ingest.logs.discovery import load_formats
from nephoscope.ingest.logs.log_format import StreamContext
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.parsed_batch import ParsedBatch
from nephoscope.lake.schema.tables import Tables
from nephoscope.state.workspaces.workspace import Workspace

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
T = "2026-06-01T10:00:00Z"


def _parsed(answer: dict[str, Any], table: str = "") -> ParsedBatch:
    (found,) = read(
        io.BytesIO(json.dumps(answer).encode()), load_formats(), StreamContext("a.json", NOW, table=table),
        tables=Tables.builtin(), workspace=Workspace.from_name("default"),
    )  # fmt: skip
    return found


def _answer(names: list[str], *rows: Any, name: str = "PrimaryResult") -> dict[str, Any]:
    columns = [{"name": name, "type": "string"} for name in names]
    return {"tables": [{"name": name, "columns": columns, "rows": list(rows)}]}


@given(st.lists(st.text("ab'\"\\{[,", max_size=5), max_size=9), st.booleans())
def test_each_row_of_an_answer_is_a_row(users: list[str], asked: bool) -> None:
    names = ["TimeGenerated", "UserPrincipalName", "Status", "Type"]
    answer = _answer(names, *([T, user, '{"errorCode":1}', "x" if asked else "SigninLogs"] for user in users))
    found = _parsed(answer, "SigninLogs" if asked else "")
    if users:
        assert found.tables["SigninLogs"]["UserPrincipalName"].to_pylist() == users
        assert (found.outcome.whole, found.bad) == (len(users), [])
    else:
        assert found.outcome.aside == 1


def test_what_is_no_row_is_told_with_its_place_and_statistics_are_none() -> None:
    answer = _answer(["TimeGenerated", "Type"], [T, "SigninLogs"], [T], 7, [T, "Usage"])
    answer["tables"].append({"name": "QueryStatistics", "columns": [{"name": "x"}], "rows": [[1]]})
    found = _parsed(answer)
    assert found.tables["SigninLogs"].num_rows == 1
    assert [(one.place, one.reason[:27]) for one in found.bad] == [
        ("line 1.tables[0].rows[1]", "expected a list of 2 values"),
        ("line 1.tables[0].rows[2]", "expected a list of 2 values"),
        ("line 1.tables[0].rows[3].Type", "a record cannot select Usag"),
    ]
    assert tuple(found.outcome) == (1, 0, 3, 0)


def test_an_answer_that_names_no_table_says_how_to_name_it() -> None:
    (entry,) = _parsed(_answer(["TimeGenerated", "Computer"], [T, "a"])).bad
    assert "--table" in entry.reason
    assert (
        _parsed(_answer(["TimeGenerated", "Computer"], [T, "a"], name="Table_0"), "Heartbeat").outcome.whole
        == 1
    )


def test_columns_of_one_name_are_refused() -> None:
    (entry,) = _parsed(_answer(["TimeGenerated", "Type", "Type"], [T, "SigninLogs", "SigninLogs"])).bad
    assert (entry.place, entry.reason) == (
        "line 1.tables[0].columns",
        "expected columns with names of their own",
    )
