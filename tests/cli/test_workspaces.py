"""`nephoscope workspaces`: list, add, set, remove."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]
ONE = "00000000-0000-4000-8000-000000000001"


def listed(run: Run, data: Path) -> dict[str, dict[str, object]]:
    return {row["name"]: row for row in json.loads(run(data, "workspaces", "list", "-o", "json").stdout)}


def test_a_workspace_is_added_and_changed(tmp_path: Path, nephoscope: Run) -> None:
    assert list(listed(nephoscope, tmp_path)) == ["default"]
    added = nephoscope(
        tmp_path, "workspaces", "add", "soc", "--retention", 30, "--table", "B", "--table", "A"
    )
    assert (added.exit_code, "retention 30 days" in added.stdout) == (0, True)
    row = listed(nephoscope, tmp_path)["soc"]
    assert (row["retention"], row["tables"], row["subscriptions"]) == (30, ["A", "B"], None)
    changed = nephoscope(
        tmp_path, "workspaces", "set", "soc", "--subscription", ONE, "--every-table", "--description", "=1+1"
    )
    assert f"tables: every table; subscriptions: {ONE}" in changed.stdout
    row = listed(nephoscope, tmp_path)["soc"]
    assert (row["retention"], row["tables"], row["subscriptions"]) == (30, None, [ONE])
    rows = csv.DictReader(io.StringIO(nephoscope(tmp_path, "workspaces", "list", "-o", "csv").stdout))
    assert [row["description"] for row in rows] == ["", "'=1+1"]
    assert "every" in nephoscope(tmp_path, "workspaces", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "Soc"), "lower-case letters"),
        (("add", "default"), "already"),
        (("add", "a", "--subscription", "x"), "not a subscription ID"),
        (("add", "a", "--retention", "99999"), "is not in the range 1<=x<="),
        (("set", "default", "--subscription", "x"), "not a subscription ID"),
        (("remove", "default"), "cannot be removed"),
        (("remove", "nowhere"), "expected one of default"),
        (("set", "nowhere", "--retention", "5"), "expected one of default"),
        (("set", "default"), "nothing to change"),
        (("set", "default", "--table", "A", "--every-table"), "are mutually exclusive"),
    ],
)
def test_what_cannot_be_done_is_told(
    tmp_path: Path, nephoscope: Run, arguments: tuple[str, ...], told: str
) -> None:
    result = nephoscope(tmp_path, "workspaces", *arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_the_state_may_be_elsewhere(tmp_path: Path, nephoscope: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEPHOSCOPE_STATE", f"sqlite:///{tmp_path / 'other.db'}")
    nephoscope(tmp_path / "data", "workspaces", "add", "soc")
    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "data" / "state.db").exists()
    monkeypatch.setenv("NEPHOSCOPE_STATE", "mysql://u:hunter2@host/db")
    refused = nephoscope(tmp_path / "data", "workspaces", "list")
    assert (
        refused.exit_code,
        "unsupported database mysql" in refused.stderr,
        "hunter2" in refused.output,
    ) == (
        2,
        True,
        False,
    )


def test_a_workspace_is_removed_once_nothing_is_in_it(tmp_path: Path, nephoscope: Run) -> None:
    data, watched = tmp_path / "data", tmp_path / "in"
    watched.mkdir()
    nephoscope(data, "workspaces", "add", "soc")
    nephoscope(
        data, "sources", "add", "drop", "--kind", "folder", "--set", f"paths={watched}", "--workspace", "soc"
    )
    refused = nephoscope(data, "workspaces", "remove", "soc")
    assert (refused.exit_code, "sources write to the workspace soc: drop" in refused.stderr) == (2, True)
    nephoscope(data, "sources", "remove", "drop")
    assert nephoscope(data, "workspaces", "remove", "soc").stdout == "workspace soc removed\n"
    assert list(listed(nephoscope, data)) == ["default"]


def test_a_workspace_that_holds_rows_is_not_removed(tmp_path: Path, nephoscope: Run) -> None:
    data, file = tmp_path / "data", tmp_path / "rows.json"
    row = {"TimeGenerated": datetime.now(UTC).isoformat(), "Computer": "m"}
    file.write_text(json.dumps(row), encoding="utf-8")
    # the workspace shows none of the rows that it holds
    nephoscope(data, "workspaces", "add", "soc", "--subscription", "00000000-0000-4000-8000-000000000001")
    assert nephoscope(data, "ingest", file, "--table", "Syslog", "--workspace", "soc").exit_code == 0
    refused = nephoscope(data, "workspaces", "remove", "soc")
    assert (refused.exit_code, "is not empty: 1 in Syslog" in refused.stderr) == (2, True)
    assert list(listed(nephoscope, data)) == ["default", "soc"]
