"""Suppressions by command line: what they would have held back is shown before they are made."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from tests.cli.test_detect import NOW, data, ingested, run  # noqa: F401 - fixtures

RULE = "11111111-1111-1111-1111-111111111111"
BROKEN = (
    '{"properties": {"alertType": "*", "suppressionAlertsScope": {"allOf": [{"field": "x", "in": ["y"]}]}}}'
)


def rules(folder: Path) -> tuple[str, str]:
    return "--rules", str(folder.parent / "rules")


def test_from_a_noisy_alert_to_a_suppression_and_back(data: Path) -> None:  # noqa: F811
    run(data, "detect", *rules(data), "--at", (NOW - timedelta(seconds=5)).isoformat())
    create = ("suppressions", "create", "Kim deletes locks", "--rule", "Locks were deleted", *rules(data))
    kim = ("--entity", "account.fullName=kim@contoso.com,jo@contoso.com")
    seen = run(data, *create, *kim, "--dry-run")
    assert "would have suppressed 1 alerts of 90 days, 0 of them true positives" in seen.stderr
    assert json.loads(run(data, "suppressions", "list", "-o", "json").stdout) == []
    run(data, *create, *kim, "--reason", "benignpositive", "--comment", "she cleans up")
    (row,) = json.loads(run(data, "suppressions", "list", "-o", "json").stdout)
    assert (row["rule"], row["state"], row["reason"], row["held"]) == (RULE, "Enabled", "BenignPositive", 0)
    (found,) = json.loads(run(data, "detect", *rules(data), "--at", NOW.isoformat(), "-o", "json").stdout)
    assert (found["alerts"], found["suppressed"], found["incidents"]) == (0, 1, [])
    assert found["tuning"] == ["suppressed: Kim deletes locks"]
    assert json.loads(run(data, "suppressions", "list", "-o", "json").stdout)[0]["held"] == 1
    shown = json.loads(run(data, "suppressions", "show", "Kim deletes locks").stdout)
    (data.parent / "kim.json").write_text(json.dumps(shown))
    run(data, "suppressions", "set", row["id"], "--disable")
    run(data, "suppressions", "delete", "Kim deletes locks")
    again = ("suppressions", "create", "by file", "--file", str(data.parent / "kim.json"), *rules(data))
    run(data, *again)
    (copy,) = json.loads(run(data, "suppressions", "list", "-o", "json").stdout)
    assert (copy["rule"], copy["conditions"], copy["comment"]) == (RULE, row["conditions"], "she cleans up")
    run(data, "suppressions", "expire", "by file")
    assert "Expired" in run(data, "suppressions", "list", "-o", "csv").stdout


@pytest.mark.full
def test_a_true_positive_is_not_hidden_unasked(data: Path) -> None:  # noqa: F811
    run(data, "detect", *rules(data), "--at", (NOW - timedelta(seconds=5)).isoformat())
    run(data, "incidents", "close", "1", "--as", "TruePositive")
    create = ("suppressions", "create", "all", "--rule", RULE, *rules(data))
    assert "not created" in run(data, *create, code=1).stderr
    assert json.loads(run(data, "suppressions", "list", "-o", "json").stdout) == []
    run(data, *create, "--yes")
    assert len(json.loads(run(data, "suppressions", "list", "-o", "json").stdout)) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("create", "x"), "--rule is required"),
        (("create", "x", "--rule", "nobody"), "rule 'nobody' not found"),
        (("create", "x", "--rule", "*"), "it would suppress every alert"),
        (
            ("create", "x", "--rule", "*", "--entity", "ip.address=10.0.0.300"),
            "'10.0.0.300' is not an address",
        ),
        (("create", "x", "--rule", "*", "--file", "@broken"), "allOf[0]: field 'x' is neither"),
        (("create", "x", "--file", "@broken"), "broken.json: allOf[0]"),
        (
            ("create", "x", "--rule", "*", "--expires", "2020-01-01", "--entity", "ip.address=10.0.0.3"),
            "is in the past",
        ),
        (("show", "x"), "suppression 'x' not found"),
        (("delete", "x"), "suppression 'x' not found"),
        (("set", "x"), "nothing to change"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "broken.json").write_text(BROKEN)
    given = [one.replace("@broken", str(tmp_path / "broken.json")) for one in arguments]
    result = run(tmp_path / "data", "suppressions", *given, code=2)
    if "--rule" in arguments and "--file" in arguments:
        told = "--file contains the conditions"
    assert told in result.stderr
