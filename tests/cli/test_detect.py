"""From a log file to a closed incident, by command line."""

from __future__ import annotations

import json
import shlex
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

NOW = datetime.now(UTC)
RULE = """
id: 11111111-1111-1111-1111-111111111111
name: Locks were deleted
kind: Scheduled
severity: Medium
queryFrequency: 1h
queryPeriod: 1h
triggerOperator: gt
triggerThreshold: 0
tactics: [Impact]
query: |
  AzureActivity | where OperationNameValue has 'locks/delete'
entityMappings:
  - entityType: Account
    fieldMappings: [{identifier: FullName, columnName: Caller}]
"""


def event(minutes: int) -> dict[str, object]:
    return {
        "time": (NOW - timedelta(minutes=minutes)).isoformat(),
        "resourceId": "/SUBSCRIPTIONS/11111111-1111-1111-1111-111111111111/RESOURCEGROUPS/RG",
        "operationName": "MICROSOFT.AUTHORIZATION/LOCKS/DELETE",
        "category": "Administrative",
        "resultType": "Success",
        "callerIpAddress": "203.0.113.4",
        "identity": {"claims": {"name": "Kim", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn": "kim@contoso.com"}},
    }  # fmt: skip


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `data` with a log, to be copied."""
    folder = tmp_path_factory.mktemp("ingested")
    (folder / "rules").mkdir()
    (folder / "rules" / "locks.yaml").write_text(RULE)
    (folder / "PT1H.json").write_text(json.dumps({"records": [event(10), event(20)]}))
    run(folder / "data", "ingest", str(folder / "PT1H.json"))
    return folder


@pytest.fixture
def data(ingested: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(ingested, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result


def test_from_a_log_file_to_a_closed_incident(data: Path) -> None:
    rules = ("--rules", str(data.parent / "rules"))
    found = json.loads(run(data, "detect", *rules, "--at", NOW.isoformat(), "-o", "json").stdout)
    assert [(row["rule"], row["rows"], row["alerts"], row["error"]) for row in found] == [
        ("Locks were deleted", 2, 1, "")
    ]
    again = json.loads(run(data, "detect", *rules, "--at", NOW.isoformat(), "-o", "json").stdout)
    assert again[0]["alerts"] == 0
    assert "Locks were deleted" in run(data, "incidents", "list").stdout
    shown = run(data, "incidents", "show", "1").stdout
    assert "kim" in shown
    assert "Impact" in shown
    alert = json.loads(run(data, "alerts", "list", "-o", "json").stdout)[0]["id"]
    assert json.loads(run(data, "alerts", "show", alert).stdout)["ExtendedProperties"]["Total Events"] == "2"
    run(data, "incidents", "set", "1", "--owner", "ana", "--status", "active")
    run(data, "incidents", "task", "1", "ask Kim")
    run(data, "incidents", "comment", "1", "it was planned")
    run(data, "incidents", "task", "1", "--done", "1")
    run(data, "incidents", "close", "1", "--as", "BenignPositive")
    incident = json.loads(run(data, "incidents", "show", "1", "-o", "json").stdout)
    assert (incident["Status"], incident["Classification"]) == ("Closed", "BenignPositive")
    assert [one["status"] for one in incident["Tasks"]] == ["Completed"]
    rows = run(
        data,
        "query",
        "SecurityIncident | summarize arg_max(TimeGenerated, Status) by IncidentNumber",
        "-o",
        "csv",
    )
    assert "Closed" in rows.stdout
    assert "no incident" in run(data, "incidents", "list", "--status", "new").stderr


def test_the_list_says_what_suppressed_an_alert_that_is_in_no_incident(data: Path) -> None:
    rules = data.parent / "rules"
    (rules / "locks.yaml").write_text(
        f"{RULE}learningPeriod: 3d\nrequiredDataConnectors:\n- dataTypes: [AzureActivity]\n"
    )
    run(data, "detect", "--rules", str(rules), "--at", NOW.isoformat())
    (alert,) = json.loads(run(data, "alerts", "list", "-o", "json").stdout)
    assert (alert["incident"], alert["suppressedBy"]) == (None, "too few days of logs")
    assert "too few" in run(data, "alerts", "list").stdout
    assert "no alerts" in run(data, "alerts", "list", "--no-held").stderr


WRONG = [
    (["detect", "--rules", "@nothing"], 2, "no rule to run"),
    (["detect", "--rules", "@rules", "--rule", "nope"], 2, "no enabled rule has the ID or name 'nope'"),
    (["detect", "--rules", "@rules", "--at", "2100-01-01"], 2, "is in the future"),
    (
        ["detect", "--rules", "@broken", "--at", "now"],
        3,
        "queryFrequency: 'often' is not a duration",
    ),
    (["alerts", "show", "nope"], 2, "alert 'nope' not found"),
    (["incidents", "show", "7"], 2, "incident 7 not found"),
    (["incidents", "set", "7"], 2, "nothing to change"),
    (["incidents", "close", "7", "--as", "FalsePositive"], 2, "incident 7 not found"),
    (["incidents", "task", "7"], 2, "the text of a task is required"),
]


@pytest.mark.full
def test_the_list_shows_what_a_run_apart_from_the_schedule_came_to(data: Path) -> None:
    path, rules = data.parent / "rules" / "locks.yaml", ("--rules", str(data.parent / "rules"))

    def listed() -> tuple[str, bool]:
        (row,) = json.loads(run(data, "detect", *rules, "--list", "-o", "json").stdout)
        return row["status"], "Unknown" in row["error"]

    path.write_text(RULE.replace("has 'locks/delete'", "has Unknown"))
    assert listed() == ("never run", False)
    run(data, "detect", *rules, "--at", NOW.isoformat(), code=3)
    assert listed() == ("failing", True)
    path.write_text(RULE)
    assert listed() == ("never run", False), "the text is another one"
    run(data, "detect", *rules, "--at", NOW.isoformat())
    assert listed() == ("ok", False)


@pytest.mark.parametrize(
    ("arguments", "code", "said"), WRONG, ids=lambda one: " ".join(one) if isinstance(one, list) else None
)
def test_what_cannot_be_meant(arguments: list[str], code: int, said: str, data: Path) -> None:
    (data.parent / "nothing").mkdir()
    (data.parent / "broken").mkdir()
    (data.parent / "broken" / "good.yaml").write_text(RULE)
    (data.parent / "broken" / "bad.yaml").write_text(
        RULE.replace("queryFrequency: 1h", "queryFrequency: often")
    )
    moments = {"now": NOW.isoformat()}
    told = [str(data.parent / one[1:]) if one.startswith("@") else moments.get(one, one) for one in arguments]
    result = run(data, *told, code=code)
    assert said in result.stderr


def test_a_column_that_the_query_does_not_give_is_told(data: Path) -> None:
    rules = data.parent / "rules"
    (rules / "locks.yaml").write_text(RULE.replace("columnName: Caller", "columnName: Nobody"))
    found = run(data, "detect", "--rules", str(rules), "--at", NOW.isoformat(), "-o", "json")
    (row,) = json.loads(found.stdout)
    assert row["alerts"] == 1
    assert row["lacking"] == [
        "the entity mapping of Account asks for the column Nobody, which the query does not give"
    ]
    assert f"Locks were deleted: {row['lacking'][0]}" in found.stderr


def test_yesterday_is_found_by_the_command_that_ingest_names(tmp_path: Path) -> None:
    """The journey: ingest, detect finds nothing and says why, the command that it names finds the attack."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "locks.yaml").write_text(RULE)
    (tmp_path / "PT1H.json").write_text(json.dumps({"records": [event(30 * 60), event(31 * 60)]}))
    data, rules = tmp_path / "data", ("--rules", str(tmp_path / "rules"))
    taken = run(data, "ingest", str(tmp_path / "PT1H.json"))
    assert "2 rows of AzureActivity have not been evaluated" in taken.stderr
    found = run(data, "detect", *rules)
    assert "1 window run, 0 new alerts" in found.stderr
    assert "2 rows of AzureActivity have not been evaluated" in found.stderr
    command = shlex.split(found.stderr.split("to evaluate them:\n")[1].splitlines()[0])
    assert command[:4] == ["nephoscope", "--data", str(data), "detect"]
    looked = run(data, *command[3:])
    assert "2 new alerts" in looked.stderr or "1 new alert," in looked.stderr
    assert "have not been evaluated" not in looked.stderr
    assert "Locks were deleted" in run(data, "incidents", "list").stdout
    again = run(data, *command[3:], "--again")
    assert "0 new alerts" in again.stderr


def test_one_row_is_in_the_singular(tmp_path: Path) -> None:
    (tmp_path / "PT1H.json").write_text(json.dumps({"records": [event(30 * 60)]}))
    taken = run(tmp_path / "data", "ingest", str(tmp_path / "PT1H.json"))
    assert "1 record: 1 gave 1 row;" in taken.stdout
    assert (
        "1 row of AzureActivity has not been evaluated by every rule that reads it; to evaluate it:"
        in taken.stderr
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--to", "2026-01-02"), "--to requires --from"),
        (("--from", "2026-01-02", "--to", "2026-01-01"), "--to must be after --from"),
        (("--from", "2026-01-02", "--to", "2026-01-02"), "--to must be after --from"),
        (("--from", "2026-01-02T10:00+02:00", "--to", "2026-01-02T08:00Z"), "--to must be after --from"),
        (("--from", (NOW + timedelta(days=2)).isoformat()), "--from is in the future"),
        (("--from", "2026-01-02", "--at", "2026-01-03"), "neither --at nor --schedule"),
        (("--from", "2026-01-02", "--schedule"), "neither --at nor --schedule"),
        (("--again",), "--again requires --from"),
        (
            ("--from", "2020-01-01", "--to", "2020-01-02"),
            "has no rows before 2020-01-02T00:00Z: its first row is at",
        ),
        (("--from", "yesterday"), "must be a date or time"),
    ],
)
def test_a_range_that_is_none_is_refused(data: Path, options: tuple[str, ...], words: str) -> None:
    rules = ("--rules", str(data.parent / "rules"))
    assert words in " ".join(run(data, "detect", *rules, *options, code=2).stderr.split())


def test_a_range_that_begins_before_the_first_row_begins_with_it(data: Path) -> None:
    rules = ("--rules", str(data.parent / "rules"))
    found = run(data, "detect", *rules, "--from", "2020-01-01")
    assert "no row is older than" in found.stderr
