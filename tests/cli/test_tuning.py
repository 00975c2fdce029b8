"""From a noisy rule by advice to a quiet one and back, by command line."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.cli.test_detect import RULE, event, run

NOW = datetime.now(UTC).replace(minute=30, second=0, microsecond=0)
ID = "11111111-1111-1111-1111-111111111111"


@pytest.fixture(scope="module")
def detected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lock is deleted every thirty hours, by Kim, and three windows were run."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "rules").mkdir()
    (folder / "rules" / "locks.yaml").write_text(RULE)
    hours = (2, 32, 62)
    (folder / "PT1H.json").write_text(json.dumps({"records": [event(hour * 60 + 20) for hour in hours]}))
    run(folder / "data", "ingest", str(folder / "PT1H.json"))
    for hour in sorted(hours, reverse=True):
        detect(folder / "data", hour)
    return folder


@pytest.fixture
def data(detected: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    shutil.copytree(detected, tmp_path, dirs_exist_ok=True)
    return tmp_path / "data"


def rules(folder: Path) -> tuple[str, str]:
    return "--rules", str(folder.parent / "rules")


def detect(folder: Path, hour: float) -> dict[str, object]:
    moment = datetime.now(UTC) - timedelta(hours=hour)
    found = run(folder, "detect", *rules(folder), "--at", moment.isoformat(), "-o", "json").stdout
    return next(iter(json.loads(found)), {})


def test_advice_is_followed_seen_and_taken_back(data: Path) -> None:
    (advice,) = json.loads(run(data, "tuning", "advice", *rules(data), "-o", "json").stdout)
    assert (advice["rule"], advice["confidence"], advice["hides"], advice["of"]) == (
        "Locks were deleted",
        "review",
        3,
        3,
    )
    assert len(advice["alerts"]) == 3
    run(data, "incidents", "close", "1", "2", "3", "--as", "BenignPositive")
    assert "proven" in run(data, "tuning", "advice", *rules(data), "-o", "csv").stdout
    told = run(data, "tuning", "apply", advice["id"], *rules(data)).stderr
    assert "it would have hidden 3 of 3 alerts" in told
    assert json.loads(run(data, "tuning", "advice", *rules(data), "-o", "json").stdout) == []
    (held,) = json.loads(run(data, "suppressions", "list", "-o", "json").stdout)
    assert (held["name"], held["advice"]) == (f"advice {advice['id']}", advice["id"])
    since = ("--from", (NOW - timedelta(hours=4)).isoformat(), "--to", NOW.isoformat())
    seen = json.loads(
        run(
            data,
            "tuning",
            "replay",
            ID,
            *rules(data),
            *since,
            "-o",
            "json",
        ).stdout
    )
    assert (seen["windows"], seen["alerts"], seen["held"]) == (4, 0, 1)
    assert seen["tuning"] == [f"suppressed: advice {advice['id']}"]
    run(data, "tuning", "undo", advice["id"])
    shown = run(data, "tuning", "replay", "Locks were deleted", *rules(data), *since).stdout
    assert "4 windows" in shown
    assert "Account" in shown
    changes = json.loads(run(data, "tuning", "changes", "-o", "json").stdout)
    assert [(one["kind"], one["change"], one["advice"]) for one in changes] == [
        ("suppression", "made", advice["id"]), ("suppression", "removed", ""),
    ]  # fmt: skip


@pytest.mark.full
def test_settings_over_a_rule_are_listed_and_taken_away(data: Path) -> None:
    run(
        data,
        "tuning",
        "set",
        ID,
        *rules(data),
        "--trigger-threshold",
        "5",
        "--severity",
        "low",
        "--comment",
        "noisy",
    )
    rows = json.loads(run(data, "tuning", "settings", *rules(data), "-o", "json").stdout)
    assert [(row["setting"], row["value"], row["file"]) for row in rows] == [
        ("severity", "low", "Medium"), ("triggerThreshold", 5, 0),
    ]  # fmt: skip
    found = detect(data, 2)
    assert (found["alerts"], found["tuning"]) == (
        0,
        ["severity low (was Medium)", "triggerThreshold 5 (was 0)"],
    )
    assert "removed: severity, triggerThreshold" in run(data, "tuning", "reset", ID, *rules(data)).stderr
    # of an hour that no window has looked at
    more = data.parent / "more.json"
    more.write_text(json.dumps({"records": [event(9 * 60 + 20)]}))
    run(data, "ingest", str(more))
    found = detect(data, 9)
    assert (found["alerts"], found["tuning"]) == (1, [])
    run(data, "tuning", "set", ID, *rules(data), "--disable", "--learn", "2d")
    assert detect(data, 9) == {}


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_the_report_in_every_form(data: Path, form: str) -> None:
    run(data, "incidents", "close", "1", "--as", "FalsePositive")
    shown = run(data, "tuning", "report", *rules(data), "-o", form).stdout
    assert "Locks" in shown
    if form == "json":
        (row,) = json.loads(shown)
        assert (row["alerts"], row["held"], row["false"], row["open"], row["precision"]) == (3, 0, 1, 2, 0.0)
    if form == "markdown":
        assert shown.splitlines()[2].startswith("| Locks were deleted | 3 | 0 | 3 | 1 | 0 | 0 | 2 | 0.0 |")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("apply", "0000000000"), "suggestion '0000000000' not found"),
        (("undo", "0000000000"), "advice 0000000000 was not applied"),
        (("set", "nobody", "--severity", "low"), "rule 'nobody' not found"),
        (("set", ID, "--severity", "grave"), "severity must be one of"),
        (("set", ID, "--learn", "soon"), "--learn: 'soon' is not a duration"),
        (("set", ID), "nothing to change"),
        (("report", "--from", "2026-01-02", "--to", "2026-01-01"), "--from must be before --to"),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "locks.yaml").write_text(RULE)
    given = () if arguments[0] == "undo" else rules(tmp_path / "data")
    assert told in run(tmp_path / "data", "tuning", *arguments, *given, code=2).stderr
