"""Only what a change brings fails: by the commit that it starts from, and by a baseline file."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nephoscope.cli.main import cli

pytestmark = pytest.mark.system
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(https: bool, name: str = "stgate") -> str:
    account: dict[str, Any] = {
        "type": "Microsoft.Storage/storageAccounts",
        "apiVersion": "2022-09-01",
        "name": name,
        "location": "westeurope",
        "properties": {"supportsHttpsTrafficOnly": https},
    }
    return json.dumps({"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": [account]}, indent=1)


def terraform_plan(before: bool | None, after: bool) -> str:
    account = {
        "name": "stgate",
        "resource_group_name": "rg",
        "location": "westeurope",
        "min_tls_version": "TLS1_2",
    }
    states = [
        None if https is None else {**account, "https_traffic_only_enabled": https}
        for https in (before, after)
    ]
    change = {"actions": ["update"], "before": states[0], "after": states[1], "after_unknown": {}}
    made = {
        "address": "azurerm_storage_account.a",
        "type": "azurerm_storage_account",
        "name": "a",
        "change": change,
    }
    return json.dumps({"format_version": "1.2", "terraform_version": "1.9.0", "resource_changes": [made]})


class Clone:
    """A clone of a bare repository on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        identity = (
            "-c",
            "user.name=Gate",
            "-c",
            "user.email=gate@example.com",
            "-c",
            "init.defaultBranch=main",
        )
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout

    def commit(self, **files: str | None) -> None:
        for name, text in files.items():
            path = self.folder / f"{name}.json"
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "change")

    def scan(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--data", str(self.folder.parent / "data"), "scan", *arguments])


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "server.git")], check=True)
    subprocess.run(
        ["git", "clone", "-q", str(tmp_path / "server.git"), str(tmp_path / "repo")],
        check=True,
        capture_output=True,
    )
    made = Clone(tmp_path / "repo")
    made.git("checkout", "-q", "-b", "main")
    made.commit(old=template(False, "stold"))
    made.git("push", "-q", "origin", "main")
    made.git("checkout", "-q", "-b", "change")
    monkeypatch.chdir(made.folder)
    return made


def test_what_was_there_before_does_not_fail_and_what_is_new_does(clone: Clone) -> None:
    assert clone.scan(".", "--fail-on", "High").exit_code == 1
    result = clone.scan(".", "--fail-on", "High", "--since", "origin/main")
    assert result.exit_code == 0, result.output
    clone.commit(new=template(False, "stnew"))
    result = clone.scan(".", "--fail-on", "High", "--since", "origin/main")
    assert result.exit_code == 1
    assert "new.json:11:33: High" in result.output
    assert "old.json:11:33: High" not in result.output
    clone.commit(new=template(True, "stnew"))
    result = clone.scan(".", "--fail-on-policy", "11374dee*", "--since", "origin/main")
    assert result.exit_code == 0, result.output


def test_a_file_that_moves_keeps_its_findings(clone: Clone) -> None:
    clone.git("mv", "old.json", "renamed.json")
    clone.git("commit", "-qm", "move")
    assert clone.scan(".", "--fail-on", "High", "--since", "origin/main").exit_code == 0
    clone.commit(renamed="\n\n" + template(False, "stold"))
    assert clone.scan(".", "--fail-on", "High", "--since", "origin/main").exit_code == 0


def test_a_base_without_a_common_commit_is_compared_as_it_is(clone: Clone) -> None:
    clone.git("checkout", "-q", "--orphan", "apart")
    clone.git("commit", "-qm", "apart")
    assert clone.scan(".", "--fail-on", "High", "--since", "origin/main").exit_code == 0
    for base in ("nowhere", "origin/nowhere"):
        result = clone.scan(".", "--since", base)
        assert result.exit_code == 2
        assert "(git fetch origin nowhere)" in result.output


def test_a_baseline_file_holds_what_is_known(clone: Clone) -> None:
    assert clone.scan(".", "--write-baseline", "known.baseline").exit_code == 0
    first = Path("known.baseline").read_bytes()
    assert clone.scan(".", "--fail-on", "Informational", "--baseline", "known.baseline").exit_code == 0
    clone.commit(new=template(False, "stnew"))
    assert clone.scan(".", "--fail-on", "High", "--baseline", "known.baseline").exit_code == 1
    Path("known.baseline").write_text("{}")
    result = clone.scan(".", "--baseline", "known.baseline")
    assert result.exit_code == 2
    assert "known.baseline" in result.output
    assert b"11374dee" in first


@pytest.mark.parametrize(("before", "code"), [(None, 1), (True, 1), (False, 0)])
def test_what_a_plan_finds_there_already_does_not_fail(clone: Clone, before: bool | None, code: int) -> None:
    text = terraform_plan(before, False)
    assert '"before"' in text
    Path("plan.json").write_text(text)
    result = clone.scan("plan.json", "--fail-on-policy", "11374dee*", "--since", "origin/main")
    assert result.exit_code == code, result.output
