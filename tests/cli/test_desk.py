"""What a person says of alerts and incidents at the command line: all of it, or nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
RULE = """
id: quiet
name: Silence
kind: Scheduled
severity: Low
queryFrequency: 1h
queryPeriod: 1h
triggerOperator: lt
triggerThreshold: 1
query: AzureActivity
---
"""
BY_USER = """
id: seen
name: Seen
kind: Scheduled
queryFrequency: 1h
queryPeriod: 1h
query: print User='CORP\\\\kim'
entityMappings:
- entityType: Account
  fieldMappings:
  - {identifier: FullName, columnName: User}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "quiet.yaml").write_text(RULE.replace("---\n", ""))
    (tmp_path / "rules" / "seen.yaml").write_text(BY_USER)
    return tmp_path / "data"


def run(data: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli, ["--data", str(data), *arguments])
    assert result.exit_code == code, result.output
    return result


def detect(data: Path) -> Result:
    return run(
        data, "detect", "--no-behavior", "--rules", str(data.parent / "rules"), "--at", NOW.isoformat()
    )


def shown(data: Path, number: int = 1) -> Any:
    return json.loads(run(data, "incidents", "show", str(number), "-o", "json").stdout)


def test_a_rule_that_fires_on_nothing_is_in_the_table(data: Path) -> None:
    said = detect(data)
    assert "2 new alerts" in said.stderr
    assert "Silence" in said.stdout


def test_an_alert_is_told_by_whom_it_names_and_by_what_it_has(data: Path) -> None:
    detect(data)
    assert "CORP\\kim" in run(data, "alerts", "list").stdout
    numbers = [one["number"] for one in json.loads(run(data, "incidents", "list", "-o", "json").stdout)]
    texts = [run(data, "incidents", "show", str(number), "--no-estate").stdout for number in numbers]
    assert any("Silence (Low)" in text for text in texts)


def test_closing_for_no_reason_leaves_no_comment(data: Path) -> None:
    detect(data)
    run(
        data,
        "incidents",
        "close",
        "1",
        "--as",
        "FalsePositive",
        "--reason",
        "Nonsense",
        "--comment",
        "c",
        code=2,
    )
    assert shown(data)["Comments"] == []
    run(data, "incidents", "close", "1", "--as", "FalsePositive", "--comment", "c")
    assert (shown(data)["ClassificationComment"], len(shown(data)["Comments"])) == ("c", 1)


def test_of_several_incidents_all_are_changed_or_none(data: Path) -> None:
    detect(data)
    said = run(data, "incidents", "set", "1", "99", "--owner", "kim", code=2)
    assert "incident 99 not found" in said.stderr
    assert shown(data)["Owner"]["assignedTo"] is None


def test_alerts_are_resolved_at_the_command_line(data: Path) -> None:
    detect(data)
    first, second = (one["id"] for one in json.loads(run(data, "alerts", "list", "-o", "json").stdout))
    run(data, "alerts", "set", first, "nope", "--status", "resolved", code=2)
    assert json.loads(run(data, "alerts", "show", first).stdout)["Status"] == "New"
    run(data, "alerts", "set", first, second, "--status", "resolved")
    query = "SecurityAlert | summarize arg_max(TimeGenerated, Status) by SystemAlertId | project Status"
    (table,) = json.loads(run(data, "query", query, "-o", "json").stdout)["tables"]
    assert table["rows"] == [["Resolved"], ["Resolved"]]
