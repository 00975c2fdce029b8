"""`pipelines`: what a tool wrote is sent into a data folder, with what the CI server tells."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from nephoscope.cli.main import cli
from nephoscope.cli.session.ci_environment import detect_ci_run

GITHUB = {
    "GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "Contoso/Shop", "GITHUB_SHA": "c0ffee",
    "GITHUB_REF": "refs/heads/main", "GITHUB_REF_NAME": "main", "GITHUB_RUN_ID": "77", "GITHUB_RUN_ATTEMPT": "2",
}  # fmt: skip
AZURE = {
    "TF_BUILD": "True", "BUILD_REPOSITORY_URI": "https://contoso@dev.azure.com/contoso/My%20Shop/_git/web",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/contoso/", "SYSTEM_TEAMPROJECT": "My Shop", "BUILD_SOURCEBRANCH": "refs/heads/main",
    "BUILD_SOURCEVERSION": "c0ffee", "BUILD_BUILDID": "5", "SYSTEM_JOBATTEMPT": "1",
}  # fmt: skip
WHOLE = ("--repository", "a", "--branch", "b", "--commit", "c", "--run-id", "1")
WEB = "dev.azure.com/contoso/My Shop/_git/web"
GITLAB = {
    "GITLAB_CI": "true", "CI_PROJECT_URL": "https://gitlab.example/contoso/shop", "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_SHA": "c0ffee",
    "CI_PIPELINE_ID": "9", "CI_JOB_ID": "10", "CI_PIPELINE_URL": "https://gitlab.example/p/9", "CI_DEFAULT_BRANCH": "main",
}  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (GITHUB, ("github.com/Contoso/Shop", "main", "c0ffee", "77.2", "")),
        (
            {**GITHUB, "GITHUB_REF": "refs/pull/7/merge", "GITHUB_HEAD_REF": "fix"},
            ("github.com/Contoso/Shop", "fix", "c0ffee", "77.2", "7"),
        ),
        (AZURE, (WEB, "refs/heads/main", "c0ffee", "5.1", "")),
        ({**AZURE, "SYSTEM_PULLREQUEST_PULLREQUESTID": "8"}, (WEB, "refs/heads/main", "c0ffee", "5.1", "8")),
        (GITLAB, ("gitlab.example/contoso/shop", "main", "c0ffee", "9.10", "")),
        ({}, ("", "", "", "", "")),
    ],
)  # fmt: skip
def test_what_a_ci_server_tells(environment: dict[str, str], expected: tuple[str, ...]) -> None:
    told = detect_ci_run(environment)
    assert (told.repository, told.branch, told.commit, told.run_id, told.pull_request) == expected
    assert "contoso@" not in told.repository_url


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for name in (*GITHUB, *AZURE, *GITLAB, "NEPHOSCOPE_SERVER", "NEPHOSCOPE_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def called(*words: str, **environment: str):
        data = ["--data", str(tmp_path / "data")]
        return CliRunner().invoke(cli, [*data, "pipelines", *words], env=environment)

    return called


def write(folder: Path, *rules: str) -> str:
    results = [{"ruleId": one, "message": {"text": one}} for one in rules]
    document = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Scanner"}}, "results": results}]}
    (folder / "out.sarif").write_text(json.dumps(document))
    return str(folder / "out.sarif")


def test_sent_listed_and_shown(run, tmp_path: Path) -> None:
    assert json.loads(run("list", "-o", "json").stdout) == []
    first = run("send", write(tmp_path, "a", "b"), **GITHUB)
    assert first.exit_code == 0, first.output
    assert "2 failed, 2 new, 0 fixed, 0 reopened" in first.output
    again = run("send", write(tmp_path, "a"), **{**GITHUB, "GITHUB_RUN_ID": "78"})
    assert "1 failed, 0 new, 1 fixed" in again.output
    (repository,) = json.loads(run("list", "-o", "json").stdout)
    assert (repository["name"], repository["total"]) == ("github.com/Contoso/Shop", 1)
    newest, _ = json.loads(run("runs", "github.com/contoso/shop", "-o", "json").stdout)
    shown = json.loads(run("show", newest["id"], "-o", "json").stdout)
    assert {one["rule"]: one["standing"] for one in shown} == {"a": "Unchanged", "b": "Fixed"}
    assert [one["rule"] for one in json.loads(run("items", "-o", "json").stdout)] == ["a"]
    assert len(json.loads(run("items", "--all", "-o", "json").stdout)) == 2
    assert run("remove", "github.com/contoso/shop").exit_code == 0
    assert json.loads(run("list", "-o", "json").stdout) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--repository is missing"),
        (("--repository", "a", "--branch", "b", "--commit", "c"), "--run-id is missing"),
        (("--repository", "/a", "--branch", "b", "--commit", "c", "--run-id", "1"), "use up to ten parts"),
        ((*WHOLE, "--server", "https://x"), "NEPHOSCOPE_TOKEN is not set"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(run, tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    told = run("send", write(tmp_path), *words)
    assert (told.exit_code, said in told.output) == (2, True), told.output


def test_a_token_goes_over_tls_only(run, tmp_path: Path) -> None:
    told = run("send", write(tmp_path), "--server", "http://x", **GITHUB, NEPHOSCOPE_TOKEN="nepho_x")
    assert (told.exit_code, "must be an https:// address" in told.output) == (2, True)
