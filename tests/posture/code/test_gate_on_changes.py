"""Only what a change brings fails: by the commit that it starts from, and by a baseline file."""

from __future__ import annotations

import json
import shutil
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


@pytest.mark.full
def test_a_bicep_file_whose_output_the_change_leaves_alone_is_not_assessed(
    clone: Clone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("HOME", str(tmp_path))
    source = clone.folder / "main.bicep"
    source.write_text("param a string\n")
    clone.commit(main=template(True))
    clone.git("push", "-q", "origin", "change:main")
    clone.git("fetch", "-q")
    untouched = clone.scan(".", "--since", "origin/main", "--tools", "none")
    assert untouched.exit_code == 0, untouched.output
    source.write_text("param b string\n")
    clone.commit()
    stale = clone.scan(".", "--since", "origin/main", "--tools", "none")
    assert stale.exit_code == 3, stale.output
    assert (
        "main.bicep:1:1: not assessed: whether main.json is its output cannot be determined" in stale.output
    )
    clone.commit(main=template(True, "stother"))
    compiled = clone.scan(".", "--since", "origin/main", "--tools", "none")
    assert compiled.exit_code == 0, compiled.output


def test_a_configuration_without_a_plan_is_told_where_the_change_touches_it(clone: Clone) -> None:
    (clone.folder / "net").mkdir()
    for folder in (clone.folder, clone.folder / "net"):
        (folder / "main.tf").write_text('resource "azurerm_virtual_network" "a" {}\n')
    clone.commit()
    clone.git("push", "-q", "origin", "change:main")
    clone.git("fetch", "-q")
    clone.commit(new=template(True, "stnew"))
    untouched = clone.scan(".", "--since", "origin/main", "--tools", "none")
    assert untouched.exit_code == 0, untouched.output
    (clone.folder / "net" / "prod.tfvars").write_text('name = "a"\n')
    clone.commit()
    touched = clone.scan(".", "--since", "origin/main", "--tools", "none")
    assert touched.exit_code == 3, touched.output
    assert "net/main.tf:1:1: not assessed: Terraform is judged by its plan" in touched.output
    assert " main.tf:1:1: not assessed" not in touched.output


def test_a_file_that_moves_keeps_its_findings(clone: Clone) -> None:
    clone.git("mv", "old.json", "renamed.json")
    clone.git("commit", "-qm", "move")
    assert clone.scan(".", "--fail-on", "High", "--since", "origin/main").exit_code == 0
    clone.commit(renamed="\n\n" + template(False, "stold"))
    assert clone.scan(".", "--fail-on", "High", "--since", "origin/main").exit_code == 0


@pytest.mark.full
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


@pytest.mark.parametrize("kept", ["[]", None])
def test_an_entry_that_a_change_removes_from_the_list_fails_what_it_covered(
    clone: Clone, kept: str | None
) -> None:
    """The state before a change is judged by the openings that were allowed then; a list that is gone allows none."""
    gate = ("--fail-on-policy", "opening-not-allowed", "--since", "main", "--tools", "none")
    allowed = [{"resource": "Microsoft.Storage/storageAccounts/st*", "reason": "downloads"}]
    (clone.folder / ".nephoscope").mkdir()
    clone.commit(**{".nephoscope/allowed-openings": json.dumps(allowed)})
    clone.git("branch", "-f", "main")
    clone.commit(other=template(True, "stother"))
    assert clone.scan(".", *gate).exit_code == 0
    clone.commit(**{".nephoscope/allowed-openings": kept})
    result = clone.scan(".", *gate)
    assert result.exit_code == 1, result.output
    assert (
        result.output.count("should face the internet") >= 2
    )  # of the account that was there, and of the one that is new


@pytest.mark.full
def test_a_list_that_a_change_adds_fails_nothing_that_was_there(clone: Clone) -> None:
    gate = ("--fail-on-policy", "opening-not-allowed", "--since", "origin/main", "--tools", "none")
    (clone.folder / ".nephoscope").mkdir()
    clone.commit(**{".nephoscope/allowed-openings": "[]"})
    assert clone.scan(".", *gate).exit_code == 0
    clone.commit(new=template(True, "stnew"))
    assert clone.scan(".", *gate).exit_code == 1


LETTERS = "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fR"
#: Files with a secret, put together here so that none stands in this file, and the rule and line.
SECRETS = {
    "app.env": ("NAME=shop\nDB_PASSWORD=" + LETTERS[:16] + "\n", "secret-settings-file-secret", 2),
    ".env": ("AZURE_CLIENT_SECRET=" + "aB3" + "8Q~" + LETTERS[:34], "secret-azure-entra-client-secret", 1),
    "keys/id_rsa": (
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + LETTERS * 3 + "\n-----END OPENSSH PRIVATE KEY-----\n",
        "secret-private-key",
        2,
    ),
    "src/appsettings.json": (
        '{"ConnectionStrings": {\n "Shop": "Server=tcp:x;User ID=sa;Password=' + LETTERS[:12] + ';"}}',
        "secret-connection-string-password",
        2,
    ),
    "prod.tfvars": ('admin_password = "' + LETTERS[:14] + '!"\n', "secret-settings-file-secret", 1),
}


def findings(result: Result, rule: str) -> list[tuple[str, int, str]]:
    listed = [one["finding"] for one in json.loads(result.stdout)["findings"]]
    return [
        (one["region"]["file"], one["region"]["line"], one["state"])
        for one in listed
        if one["rule"].startswith(rule)
    ]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("committed", [True, False])
def test_a_secret_that_a_change_brings_fails_at_its_line(clone: Clone, name: str, committed: bool) -> None:
    text, rule, line = SECRETS[name]
    path = Path(name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    if committed:
        clone.git("add", "-A")
        clone.git("commit", "-qm", "change")
    arguments = (".", "--fail-on-policy", "secret-*", "--since", "origin/main", "-o")
    result = clone.scan(*arguments, "json")
    assert result.exit_code == 1, result.output
    assert findings(result, "secret-") == [(name, line, "Failed")]
    assert rule in result.stdout
    for form in ("json", "sarif", "github", "gitlab", "markdown", "junit", "table", "azuredevops"):
        printed = clone.scan(*arguments, form)
        assert LETTERS[:10] not in printed.output
        assert name in printed.output.replace("\\", "")


def test_a_secret_that_was_there_before_is_no_part_of_a_change(clone: Clone) -> None:
    text, _, _ = SECRETS["app.env"]
    Path("app.env").write_text(text)
    clone.git("add", "-A")
    clone.git("commit", "-qm", "before")
    clone.git("push", "-qf", "origin", "change:main")
    clone.git("mv", "app.env", "shop.env")
    Path("shop.env").write_text("FIRST=1\n" + text)
    clone.git("add", "-A")
    clone.git("commit", "-qm", "change")
    result = clone.scan(".", "--since", "origin/main", "-o", "json")
    assert findings(result, "secret-") == []
    Path("shop.env").write_text("API_TOKEN=" + LETTERS[4:20] + "\n" + text)
    result = clone.scan(".", "--since", "origin/main", "-o", "json")
    assert findings(result, "secret-") == [("shop.env", 1, "Failed")]


def test_a_secret_is_accepted_with_a_reason_alone(clone: Clone) -> None:
    text, rule, _ = SECRETS["prod.tfvars"]
    for reason, state in (("", "Failed"), (" made up for the demo", "Suppressed")):
        Path("prod.tfvars").write_text(f"# nephoscope: ignore[{rule}]{reason}\n{text}")
        result = clone.scan(".", "--since", "origin/main", "-o", "json")
        assert findings(result, "secret-") == [("prod.tfvars", 2, state)]


@pytest.mark.full
@pytest.mark.parametrize("within", [".", "infra"])
def test_a_file_that_moves_into_the_target_keeps_its_findings(
    clone: Clone, within: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("infra").mkdir()
    clone.git("mv", "old.json", "infra/main.json")
    clone.git("commit", "-qm", "move")
    monkeypatch.chdir(clone.folder / within)
    target = "infra" if within == "." else "."
    result = clone.scan(target, "--fail-on", "High", "--since", "origin/main")
    assert result.exit_code == 0, result.output


def test_the_base_is_judged_with_the_parameters_that_are_given(clone: Clone) -> None:
    text = template(False).replace("false", "\"[parameters('https')]\"")
    given = text.replace(
        '"resources"', '"parameters": {"https": {"type": "bool", "defaultValue": true}},\n "resources"'
    )
    clone.commit(old=given)
    clone.git("push", "-qf", "origin", "change:main")
    schema = SCHEMA.replace("deploymentTemplate", "deploymentParameters")
    values = {"$schema": schema, "contentVersion": "1.0.0.0", "parameters": {"https": {"value": False}}}
    Path("../values.json").write_text(json.dumps(values))
    arguments = ("old.json", "--parameters-file", "../values.json", "--fail-on-policy", "11374dee*")
    assert clone.scan(*arguments).exit_code == 1
    assert clone.scan(*arguments, "--since", "origin/main").exit_code == 0


@pytest.mark.full
def test_a_change_that_removes_every_template_is_clean(clone: Clone) -> None:
    clone.commit(old=None)
    assert clone.scan(".").exit_code == 4
    result = clone.scan(".", "--since", "origin/main")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n "findings": [,]}', "known.baseline:2:15: not JSON"),
        ('{"schemaVersion": 1, "findings": [{"rule": "a"}]}', "not a baseline"),
        ('{"schemaVersion": 9, "findings": []}', "schema version 9 is not known"),
    ],
)
def test_a_baseline_that_cannot_be_used_says_where(clone: Clone, text: str, said: str) -> None:
    Path("known.baseline").write_text(text)
    result = clone.scan(".", "--baseline", "known.baseline")
    assert result.exit_code == 2
    assert said in result.output
    assert "byte" not in result.output
    assert "write it with --write-baseline" in result.output


def test_a_threshold_that_nothing_can_reach_is_refused(clone: Clone) -> None:
    assert clone.scan(".", "--fail-on", "Critical").exit_code == 0  # a literal password would be Critical
    Path("plan.json").write_text(terraform_plan(None, False))
    result = clone.scan("plan.json", "--fail-on", "Critical")
    assert result.exit_code == 2
    assert "--fail-on Critical would never fail" in result.output


@pytest.mark.full
def test_a_repository_below_the_working_folder_is_asked_itself(
    clone: Clone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(clone.folder.parent)
    known = clone.scan("repo", "--fail-on", "High", "--since", "origin/main", "--tools", "none")
    assert known.exit_code == 0, known.output
    clone.commit(new=template(False, "stnew"))
    clone.git("mv", "old.json", "moved.json")
    fresh = clone.scan("repo", "--fail-on", "High", "--since", "origin/main", "--tools", "none")
    assert fresh.exit_code == 1, fresh.output
    assert "repo/new.json:11:33: High" in fresh.output
    assert "repo/moved.json:11:33: High" not in fresh.output


@pytest.mark.full
def test_a_target_that_the_change_removes_is_judged_at_its_base(clone: Clone) -> None:
    (clone.folder / "infra").mkdir()
    clone.commit(**{"infra/main": template(False, "stinfra")})
    clone.git("rm", "-rq", "infra")
    gone = clone.scan("infra", "--fail-on", "High", "--since", "HEAD", "--tools", "none")
    assert gone.exit_code == 0, gone.output
    never = clone.scan("nowhere", "--since", "HEAD", "--tools", "none")
    assert never.exit_code == 2
    assert "nowhere does not exist, and held nothing to judge at HEAD" in never.output


def test_a_secret_is_found_in_whole_lines(clone: Clone) -> None:
    line = "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8L2vN4t1"
    (clone.folder / ".env").write_text(f"{line}\n")
    result = clone.scan(".", "--since", "HEAD", "--tools", "none", "-o", "json")
    (found,) = [
        one["finding"]["region"]
        for one in json.loads(result.stdout)["findings"]
        if one["finding"]["region"]["file"] == ".env"
    ]
    assert (found["line"], found["end_line"], found["end_column"]) == (1, 1, len(line) + 1)
