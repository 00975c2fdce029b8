"""The steps of the GitHub action, the Azure Pipelines template, the GitLab job and the pre-commit hook, as their servers run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.collect.templates.yaml_tree import YamlNode, parse_yaml

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
TASK = "integrations/azure-devops-extension/NephoscopeScanV1"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def template(https: str) -> str:
    return f"""{{
 "$schema": "{SCHEMA}",
 "contentVersion": "1.0.0.0",
 "resources": [
  {{
   "type": "Microsoft.Storage/storageAccounts",
   "apiVersion": "2022-09-01",
   "name": "stgate",
   "location": "westeurope",
   "properties": {{
    "supportsHttpsTrafficOnly": {https},
    "networkAcls": {{"defaultAction": "Deny"}},
    "allowSharedKeyAccess": false,
    "publicNetworkAccess": "Disabled",
    "minimumTlsVersion": "TLS1_2"
   }}
  }}
 ]
}}
"""


class PullRequest:
    """A clone of a bare repository whose branch brings a bad template."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.temporary = folder / "clone", folder / "temporary"
        self.temporary.mkdir()
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(folder / "server.git")], check=True)
        subprocess.run(
            ["git", "clone", "-q", str(folder / "server.git"), str(self.folder)],
            check=True,
            capture_output=True,
        )
        self.commit("README.md", "a repository\n", branch="main")
        self.git("push", "-q", "origin", "main")
        self.commit("infra/main.json", template("false"), branch="change")

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Gate", "-c", "user.email=gate@example.com")
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, name: str, text: str, branch: str) -> None:
        if self.git("branch", "--show-current") != branch:
            self.git("checkout", "-q", "-b", branch)
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.git("add", "-A")
        self.git("commit", "-qm", "change")

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": programs, "HOME": str(self.temporary), **environment},
        )


def read(name: str) -> YamlNode:
    return parse_yaml(SourceText(name, (ROOT / name).read_text()))[0]


def child(node: YamlNode, *names: str | int) -> YamlNode:
    for name in names:
        found = node.items[name] if isinstance(name, int) else node.get(name)
        assert found is not None, name
        node = found
    return node


def github(request: PullRequest, **inputs: str) -> subprocess.CompletedProcess[str]:
    script = child(read("integrations/github/action.yml"), "runs", "steps", 0, "run").text
    temporary = str(request.temporary)
    environment = {
        "NEPHOSCOPE_TARGET": ".",
        "NEPHOSCOPE_BASE": "origin/main",
        "NEPHOSCOPE_FAIL_ON": "High",
        "NEPHOSCOPE_SARIF": f"{temporary}/out.sarif",
        "GITHUB_STEP_SUMMARY": f"{temporary}/summary.md",
        "RUNNER_TEMP": temporary,
        **inputs,
    }
    return request.run(script, **environment)


def azure(request: PullRequest) -> subprocess.CompletedProcess[str]:
    script = child(read("integrations/azure-pipelines/nephoscope.yml"), "steps", 0, "bash").text
    temporary = str(request.temporary)
    return request.run(
        script,
        NEPHOSCOPE_TARGET=".",
        NEPHOSCOPE_FAIL_ON="High",
        SYSTEM_PULLREQUEST_TARGETBRANCH="refs/heads/main",
        BUILD_ARTIFACTSTAGINGDIRECTORY=temporary,
        AGENT_TEMPDIRECTORY=temporary,
    )


def azure_task(request: PullRequest, **inputs: str) -> subprocess.CompletedProcess[str]:
    given = {
        f"INPUT_{name.upper()}": value for name, value in {"target": ".", "failOn": "High", **inputs}.items()
    }
    return request.run(
        f"node {shlex.quote(str(ROOT / TASK / 'index.js'))}",
        SYSTEM_PULLREQUEST_TARGETBRANCH="refs/heads/main",
        AGENT_TEMPDIRECTORY=str(request.temporary),
        **given,
    )


def gitlab(request: PullRequest) -> subprocess.CompletedProcess[str]:
    script = child(read("integrations/gitlab/nephoscope.gitlab-ci.yml"), "nephoscope", "script", 0).text
    return request.run(
        script,
        NEPHOSCOPE_TARGET=".",
        NEPHOSCOPE_FAIL_ON="High",
        CI_MERGE_REQUEST_DIFF_BASE_SHA=request.git("rev-parse", "origin/main"),
        CI_PROJECT_DIR=str(request.temporary),
    )


SERVERS: list[tuple[Callable[[PullRequest], subprocess.CompletedProcess[str]], str]] = [
    (github, "::error file=infra/main.json,line=11,endLine=11,col=33,endColumn=38"),
    (azure, "##vso[task.logissue type=error;sourcepath=infra/main.json;linenumber=11;columnnumber=33"),
    (gitlab, "infra/main.json:11:33: High"),
]


@pytest.mark.parametrize(("server", "annotation"), SERVERS, ids=["github", "azure", "gitlab"])
def test_a_bad_pull_request_fails_at_its_line_and_passes_after_the_fix(
    tmp_path: Path, server: Callable[[PullRequest], subprocess.CompletedProcess[str]], annotation: str
) -> None:
    request = PullRequest(tmp_path)
    bad = server(request)
    assert (bad.returncode, annotation in bad.stdout) == (1, True), bad.stdout + bad.stderr
    request.commit("infra/main.json", template("true"), branch="change")
    good = server(request)
    assert good.returncode == 0, good.stdout + good.stderr


WALKED = [*SERVERS, (azure_task, "##vso[task.logissue type=error;sourcepath=infra/main.json;linenumber=11;")]


@pytest.mark.parametrize(("server", "annotation"), WALKED, ids=["github", "azure", "gitlab", "azure-task"])
def test_moved_and_deleted_files_pass_and_a_lost_base_fails_the_same_in_every_run(
    tmp_path: Path, server: Callable[[PullRequest], subprocess.CompletedProcess[str]], annotation: str
) -> None:
    request = PullRequest(tmp_path)
    request.git("checkout", "-q", "main")
    for name, account in (("infra/old.json", "stold"), ("infra/gone.json", "stgone")):
        request.commit(name, template("false").replace("stgate", account), branch="main")
    request.git("push", "-q", "origin", "main")
    request.git("checkout", "-q", "-b", "moves")
    (request.folder / "deploy").mkdir()
    request.git("mv", "infra/old.json", "deploy/new.json")
    request.git("rm", "-q", "infra/gone.json")
    request.git("commit", "-qm", "move and delete")
    moved = server(request)
    assert "Failed;" not in moved.stdout, moved.stdout
    assert (moved.returncode, "deploy/new.json:11" in moved.stdout) == (0, False), moved.stdout + moved.stderr
    request.git("checkout", "-q", "--orphan", "lost")
    request.commit("infra/main.json", template("false"), branch="lost")
    runs = [server(request) for _ in range(2)]
    assert annotation in runs[0].stdout, runs[0].stdout + runs[0].stderr
    assert (runs[0].returncode, runs[0].stdout) == (runs[1].returncode, runs[1].stdout)
    assert "stold" not in runs[0].stdout


@pytest.mark.full
def test_the_task_of_the_extension_fails_at_the_line_and_passes_after_the_fix(tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    bad = azure_task(request)
    assert "##vso[task.logissue type=error;sourcepath=infra/main.json;linenumber=11;" in bad.stdout
    assert "##vso[task.complete result=Failed;]findings at or above the threshold" in bad.stdout
    uploaded = request.temporary / "CodeAnalysisLogs" / "nephoscope.sarif"
    assert (
        f"##vso[artifact.upload containerfolder=CodeAnalysisLogs;artifactname=CodeAnalysisLogs;]{uploaded}"
        in bad.stdout
    )
    assert json.loads(uploaded.read_text())["version"] == "2.1.0"
    request.commit("infra/main.json", template("true"), branch="change")
    assert "##vso[task.complete result=Succeeded;]" in azure_task(request).stdout
    (request.folder / "smoke.xml").write_text(
        '<testsuite name="smoke"><testcase classname="a" name="b"><failure/></testcase></testsuite>'
    )
    joined = azure_task(request, failOn="Low", results="smoke.xml\n")
    assert "##vso[task.complete result=Failed;]findings" in joined.stdout, joined.stdout + joined.stderr


def test_the_task_says_what_is_wrong_with_its_set_up(tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    broken = azure_task(request, failOn="Grave];evil%0A\n##vso[task.complete result=Succeeded;]")
    assert "##vso[task.complete result=Failed;]the task is not set up" in broken.stdout
    assert "Succeeded" not in broken.stdout
    node = shutil.which("node")
    assert node is not None
    index = str(ROOT / TASK / "index.js")
    environment = {"PATH": str(tmp_path), "AGENT_TEMPDIRECTORY": str(request.temporary)}
    absent = subprocess.run(
        [node, index], cwd=request.folder, env=environment, capture_output=True, text=True, check=True
    )
    assert "##vso[task.complete result=Failed;]nephoscope is not installed" in absent.stdout


def test_the_extension_holds_what_its_manifests_name() -> None:
    folder = ROOT / "integrations" / "azure-devops-extension"
    extension = json.loads((folder / "vss-extension.json").read_text())
    task = json.loads((ROOT / TASK / "task.json").read_text())
    (contribution,) = extension["contributions"]
    assert [one["path"] for one in extension["files"]] == [contribution["properties"]["name"]]
    assert (folder / extension["content"]["details"]["path"]).is_file()
    (target,) = task["execution"].values()
    assert (ROOT / TASK / target["target"]).is_file()
    assert uuid.UUID(task["id"])
    read_inputs = set(re.findall(r'input\("(\w+)"', (ROOT / TASK / "index.js").read_text()))
    assert read_inputs == {one["name"] for one in task["inputs"]}


def test_the_files_that_servers_read_are_written(tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    github(request)
    sarif = json.loads((request.temporary / "out.sarif").read_text())
    assert any(one["level"] == "error" for one in sarif["runs"][0]["results"])
    assert "infra/main.json" in (request.temporary / "summary.md").read_text()
    gitlab(request)
    report = json.loads((request.folder / "gl-code-quality-report.json").read_text())
    assert {"path": "infra/main.json", "lines": {"begin": 11, "end": 11}} in [
        one["location"] for one in report
    ]


@pytest.mark.full
def test_the_action_takes_results_of_other_tools_and_sends_the_run(tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    request.commit("infra/main.json", template("true"), branch="change")
    (request.folder / "smoke.xml").write_text(
        '<testsuite name="smoke"><testcase classname="a" name="b"><failure/></testcase></testsuite>'
    )
    joined = github(request, NEPHOSCOPE_RESULTS="smoke.xml\n", NEPHOSCOPE_FAIL_ON="Low")
    assert joined.returncode == 1, joined.stdout + joined.stderr
    assert "title=a::b" in joined.stdout
    scoped = github(request, NEPHOSCOPE_DEPLOY_TO="nowhere")
    assert "--deploy-to nowhere" in scoped.stderr
    sent = github(request, NEPHOSCOPE_SERVER="https://127.0.0.1:9")
    assert sent.returncode == 2
    assert "NEPHOSCOPE_TOKEN is not set" in sent.stderr or "is missing" in sent.stderr


def test_the_hook_judges_what_is_about_to_be_committed(tmp_path: Path) -> None:
    request = PullRequest(tmp_path)
    hook = read(".pre-commit-hooks.yaml").items[0]
    entry = child(hook, "entry").text
    arguments = [item.text for item in child(hook, "args").items]
    command = f"{entry} {shlex.join(arguments)}"
    assert request.run(command).returncode == 0
    (request.folder / "infra" / "new.json").write_text(template("false").replace("stgate", "stnew"))
    assert request.run(command).returncode == 1
    request.git("worktree", "add", "-q", str(tmp_path / "tree"), "main")
    (tmp_path / "tree" / ".env").write_text(
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8L2vN4t1\n"
    )
    beside = request.run(f"cd {shlex.quote(str(tmp_path / 'tree'))} && {command}")
    assert "not a directory" not in beside.stdout + beside.stderr
    assert beside.returncode == 1, beside.stdout + beside.stderr
    assert hook.get("files") is None
