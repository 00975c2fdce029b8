"""zizmor and hadolint as programs: what stand-ins for them write, and what they do wrong."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.pipelines import external_tools
from nephoscope.posture.pipelines.external_tools import TOOLS, ExternalChecks

pytestmark = pytest.mark.system

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FILE = ".github/workflows/a.yml"
HEAD = f"#!{sys.executable}\nimport json, os, pathlib, sys, time\n"
WRITES = """
files = [one for one in sys.argv[1:] if one.startswith("./")]
told = {"arguments": sys.argv[1:], "here": sorted(map(str, pathlib.Path(".").rglob("*.y*ml"))), "environment": dict(os.environ)}
pathlib.Path(%r).write_text(json.dumps(told))
results = [{"ruleId": "zizmor/x", "message": {"text": "m"}, "locations": [{"physicalLocation": {
    "artifactLocation": {"uri": file}, "region": {"startLine": 1}}}]} for file in files]
print(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "zizmor"}}, "results": results}]}))
"""


@pytest.fixture
def program(tmp_path: Path) -> Any:
    """Make a stand-in for zizmor, and give the checks that run it over a repository of files."""

    def make(body: str) -> ExternalChecks:
        path = tmp_path / "zizmor"
        path.write_text(HEAD + body)
        path.chmod(0o755)
        return ExternalChecks(((TOOLS[0], str(path)),))

    return make


def run(checks: ExternalChecks, files: dict[str, bytes], root: Path) -> CodeReport:
    repository = Repository(root, files, on_disk=False)
    empty = CodeReport("t", NOON, {}, [])
    return checks.extend(empty, [(repository, list(files))])


def test_a_program_gets_its_files_and_no_secret(program: Any, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    told = tmp_path / "told.json"
    files = {
        FILE: b"on: push\n",
        "zizmor.yml": b"rules: {}\n",
        "Dockerfile": b"FROM x\n",
        "src/.github/workflows/-b.yml": b"on: push\n",
    }
    report = run(program(WRITES % str(told)), files, tmp_path)
    assert [(one.rule, one.region.file) for one in report.findings] == [
        ("zizmor:x", FILE), ("zizmor:x", "src/.github/workflows/-b.yml")
    ]  # fmt: skip
    seen = json.loads(told.read_text())
    assert "GITHUB_TOKEN" not in seen["environment"]
    assert "--offline" in seen["arguments"]
    assert seen["here"] == [FILE, "src/.github/workflows/-b.yml", "zizmor.yml"]
    assert all(one.startswith(("./", "--")) or one == "sarif" for one in seen["arguments"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("sys.exit('broken rule')", "exit code 1: broken rule"),
        ("print('{')", "exit code 0"),
        ("print('[' * 100000)", "exit code 0"),
        ("print('{}')", "no SARIF"),
        ("print(json.dumps({'version': '2.0', 'runs': []}))", "2.1.0"),
        ("sys.stdout.write('x' * 300)", "its output exceeds"),
        ("time.sleep(60)", "did not finish"),
    ],
    ids=["fails", "cut", "deep", "another shape", "version", "large", "hangs"],
)
def test_a_program_that_gives_no_results_leaves_its_files_unread(
    program: Any, tmp_path: Path, monkeypatch: Any, body: str, reason: str
) -> None:
    monkeypatch.setattr(external_tools, "MOST_OUTPUT", 250_000 if "100000" in body else 250)
    monkeypatch.setattr(external_tools, "SECONDS", 1.0 if "sleep" in body else 60.0)
    report = run(program(body), {FILE: b"on: push\n"}, tmp_path)
    (unread,) = report.unread
    assert unread.region.file == FILE
    assert reason in unread.reason
    assert report.findings == []


def test_names_that_lead_out_of_the_folder_are_not_written(program: Any, tmp_path: Path) -> None:
    told = tmp_path / "told.json"
    run(program(WRITES % str(told)), {FILE: b"", "../.github/workflows/x.yml": b""}, tmp_path)
    assert json.loads(told.read_text())["here"] == [FILE]


def test_programs_are_found_on_the_path(program: Any, tmp_path: Path, monkeypatch: Any) -> None:
    program("")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert "zizmor" not in ExternalChecks.find_installed_tools().missing
