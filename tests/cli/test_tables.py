"""`nephoscope tables`: list, show, import, set."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]

GETSCHEMA = """\
ColumnName,ColumnOrdinal,DataType,ColumnType
TimeGenerated,0,System.DateTime,datetime
Who,1,System.String,string
_Day,2,System.DateTime,datetime
"""
DATATYPES = (
    "ColumnName,DataType\nTimeGenerated,System.DateTime\nN,System.Data.SqlTypes.SqlDecimal\nB,System.SByte\n"
)
API = {
    "name": "Mine_CL",
    "properties": {
        "schema": {
            "name": "Mine_CL",
            "description": "of the API",
            "columns": [{"name": "TimeGenerated", "type": "dateTime"}, {"name": "Who", "type": "string"}],
            "standardColumns": [{"name": "TenantId", "type": "string"}, {"name": "Ok", "type": "boolean"}],
        }
    },
}
OWN = {"name": "Mine_CL", "columns": {"Who": "string", "Much": "decimal"}, "bag": "Rest"}
HEADS = [{"name": "ColumnName", "type": "string"}, {"name": "ColumnType", "type": "string"}]
ANSWER = {"tables": [{"columns": HEADS, "rows": [["Who", "string"], ["Ok", "bool"]]}]}


def rows(result: Result) -> list[dict[str, object]]:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_tables_are_listed(filled: Path, nephoscope: Run) -> None:
    found = rows(nephoscope(filled, "tables", "list", "-o", "json"))
    assert [(row["workspace"], row["table"], row["rows"], row["retention"]) for row in found] == [
        ("default", "SigninLogs", 48, 90),
        ("soc", "SigninLogs", 6, 30),
    ]
    assert found[0]["days"] in (2, 3)
    assert found[0]["size"] > 1000
    assert found[0]["lastEvent"] > found[0]["firstDay"]
    assert len(rows(nephoscope(filled, "tables", "list", "--workspace", "soc", "-o", "json"))) == 1
    assert rows(nephoscope(filled, "tables", "list", "risky", "-o", "json")) == []
    assert "--known to list" in nephoscope(filled, "tables", "list", "risky").stderr
    known = rows(nephoscope(filled, "tables", "list", "--known", "-o", "json"))
    assert len(known) >= 120
    assert "SigninLogs" in nephoscope(filled, "tables", "list").stdout
    assert nephoscope(filled, "tables", "list", "-o", "csv").stdout.startswith(
        "workspace,table,rows,days,size,"
    )


def test_days_past_the_retention_are_shown_and_removed(tmp_path: Path, nephoscope: Run) -> None:
    now = datetime.now(UTC)
    log = tmp_path / "a.log"
    log.write_text(
        "".join(
            json.dumps({"Type": "Syslog", "TimeGenerated": (now - timedelta(days=day)).isoformat()}) + "\n"
            for day in range(0, 60, 10)
        )
    )
    data = tmp_path / "data"
    assert nephoscope(data, "ingest", log).exit_code == 0
    assert rows(nephoscope(data, "tables", "clean", "-o", "json")) == []
    assert nephoscope(data, "tables", "set", "Syslog", "--retention", 25).exit_code == 0
    wanted = {"workspace": "default", "table": "Syslog", "days": 3, "rows": 3}
    for options in (("--dry-run",), ("--dry-run",), ()):
        (row,) = rows(nephoscope(data, "tables", "clean", *options, "-o", "json"))
        assert {name: row[name] for name in wanted} == wanted
    assert rows(nephoscope(data, "tables", "clean", "-o", "json")) == []
    (held,) = rows(nephoscope(data, "tables", "list", "-o", "json"))
    assert held["rows"] == 3


def test_a_retention_is_set_and_taken_back(filled: Path, nephoscope: Run) -> None:
    def kept() -> list[object]:
        return [row["retention"] for row in rows(nephoscope(filled, "tables", "list", "-o", "json"))]

    assert nephoscope(filled, "tables", "set", "SigninLogs", "--retention", 365, "-w", "soc").exit_code == 0
    assert kept() == [90, 365]
    assert (
        nephoscope(filled, "tables", "set", "SigninLogs", "--retention", "default", "-w", "soc").exit_code
        == 0
    )
    assert kept() == [90, 30]
    for arguments, told in (
        (("Nowhere", "--retention", 5), "table 'Nowhere' not found"),
        (("SigninLogs", "--retention", 0), "retention must be 1 to"),
        (("SigninLogs", "--retention", "x"), "a number of days"),
        (("SigninLogs", "--retention", 5, "-w", "x"), "workspace 'x' not found"),
    ):
        result = nephoscope(filled, "tables", "set", *arguments)
        assert (result.exit_code, told in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("file", "content", "name", "columns"),
    [
        ("Mine_CL.csv", GETSCHEMA, "Mine_CL", {"Who": "string"}),
        ("Mine_CL.csv", DATATYPES, "Mine_CL", {"N": "decimal", "B": "bool"}),
        ("x.json", json.dumps(API), "Mine_CL", {"Who": "string", "Ok": "bool"}),
        ("x.json", json.dumps({"value": [API]}), "Mine_CL", {"Who": "string", "Ok": "bool"}),
        ("x.json", json.dumps(OWN), "Mine_CL", {"Who": "string", "Much": "decimal", "Rest": "dynamic"}),
        ("Mine_CL.json", json.dumps(ANSWER), "Mine_CL", {"Who": "string", "Ok": "bool"}),
        (
            "Mine_CL.json",
            json.dumps([{"ColumnName": "Who", "ColumnType": "string"}]),
            "Mine_CL",
            {"Who": "string"},
        ),
    ],
)
def test_a_table_is_imported(
    tmp_path: Path, nephoscope: Run, file: str, content: str, name: str, columns: dict[str, str]
) -> None:
    path, data = tmp_path / file, tmp_path / "data"
    path.write_text(content)
    assert nephoscope(data, "tables", "import", path).exit_code == 0
    shown = rows(nephoscope(data, "tables", "show", name, "-o", "json"))
    standard = {
        "TimeGenerated",
        "TenantId",
        "Type",
        "_ResourceId",
        "_SubscriptionId",
        "_IngestedAt",
        "_AdditionalFields",
    }
    assert {key: value for key, value in shown["columns"].items() if key not in standard} == columns
    assert "in every table" in nephoscope(data, "tables", "show", name).stdout
    path.write_text(json.dumps(shown))
    again = nephoscope(data, "tables", "import", path.rename(tmp_path / "again.json"))
    assert again.exit_code == 0, again.output
    assert rows(nephoscope(data, "tables", "show", name, "-o", "json")) == shown


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[1, 2]", "x.json: the file holds"),
        ("no JSON", "x.json"),
        (json.dumps([{"A": 1}]), "defines no table"),
        (json.dumps({"name": "a b", "columns": {"A": "long"}}), "not a table name"),
        (json.dumps({"name": "T", "columns": {"A": "number"}}), "number"),
        (json.dumps({"name": "T", "columns": {"TimeGenerated": "string"}}), "standard column"),
        (
            json.dumps({"schema": {"name": "T", "columns": [{"name": "A", "type": "number"}]}}),
            "has the type 'number'",
        ),
        (
            json.dumps({"name": "SigninLogs", "columns": {"UserPrincipalName": "long"}}),
            "is stored as string",
        ),
    ],
)
def test_what_is_no_table_is_told(filled: Path, nephoscope: Run, content: str, told: str) -> None:
    path = filled / "x.json"
    path.write_text(content)
    result = nephoscope(filled, "tables", "import", path)
    assert (result.exit_code, "rejected" in result.stderr, told in result.stderr) == (3, True, True), (
        result.output
    )
    assert nephoscope(filled, "query", "SigninLogs | count", "-o", "csv").stdout == "Count\n48\n"


def test_a_table_that_is_not_known_is_told(tmp_path: Path, nephoscope: Run) -> None:
    result = nephoscope(tmp_path, "tables", "show", "Nowhere")
    assert (result.exit_code, "table 'Nowhere' not found" in result.stderr) == (2, True)


def test_columns_that_rows_lose_by_an_import_are_told(tmp_path: Path, nephoscope: Run) -> None:
    data, wide, narrow, log = (tmp_path / name for name in ("data", "wide.json", "narrow.json", "log.json"))
    wide.write_text(json.dumps({"name": "Mine_CL", "columns": {"Who": "string", "Much": "long"}}))
    narrow.write_text(json.dumps({"name": "Mine_CL", "columns": {"Who": "string"}}))
    row = {"Type": "Mine_CL", "TimeGenerated": datetime.now(UTC).isoformat(), "Who": "kim", "Much": 7}
    log.write_text(json.dumps(row))
    for path in (wide, narrow, wide):
        assert nephoscope(data, "tables", "import", path).stderr == "", "no rows"
    assert nephoscope(data, "ingest", log).exit_code == 0
    told = nephoscope(data, "tables", "import", narrow)
    assert (told.exit_code, "Mine_CL had Much before" in told.stderr) == (0, True)
    assert nephoscope(data, "tables", "import", wide).stderr == ""
    assert nephoscope(data, "query", "Mine_CL | project Much", "-o", "csv").stdout == "Much\n7\n"
