"""Results of other tools in the gate's report: what an own rule finds too is one finding."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from nephoscope.collect.templates.source_text import SourceText
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.file_evaluation import assess_files
from nephoscope.posture.code.finding import FindingState
from nephoscope.posture.pipelines.external_tools import TOOLS
from nephoscope.posture.pipelines.results.result_merging import merge_results
from nephoscope.posture.pipelines.results.result_reader import read_results
from nephoscope.posture.pipelines.results.tool_results import ResultsError

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
WORKFLOW = """on: pull_request
permissions: {}
jobs:
  a:
    runs-on: ubuntu-24.04
    steps:
      - uses: someone/action@v1
      - uses: other/action@v2 # nephoscope: ignore[zizmor:cache-poisoning] built from nothing
"""
FILE = ".github/workflows/a.yml"


def sarif(tool: str, *results: tuple[str, int], file: str = FILE, level: str = "error") -> Any:
    return {
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": tool, "rules": []}},
            "results": [
                {"ruleId": rule, "level": level, "message": {"text": "found"}, "locations": [
                    {"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}}]}
                for rule, line in results
            ],
        }],
    }  # fmt: skip


@pytest.fixture
def report() -> CodeReport:
    return assess_files([SourceText(FILE, WORKFLOW)], ".", NOON)


def merged(report: CodeReport, document: Any) -> CodeReport:
    return merge_results(report, read_results(document), {FILE: WORKFLOW}.get)


def added(before: CodeReport, after: CodeReport) -> list[tuple[str, int, str]]:
    return [
        (one.rule, one.region.line, one.state.value) for one in after.findings if one not in before.findings
    ]


def test_what_an_own_rule_found_is_one_finding(report: CodeReport) -> None:
    own = [one.region.line for one in report.findings if one.rule == "github-unpinned-action"]
    assert own == [7, 8]
    after = merged(report, sarif("zizmor", ("zizmor/unpinned-uses", 7), ("zizmor/unpinned-uses", 8)))
    assert added(report, after) == []
    assert after.findings == report.findings


def test_what_the_own_rule_did_not_find_is_told_under_its_name(report: CodeReport) -> None:
    three = sarif("zizmor", *(("zizmor/unpinned-uses", line) for line in (7, 8, 5)))
    (one,) = added(report, merged(report, three))
    assert one[0] == "github-unpinned-action"


def test_a_rule_that_only_the_tool_has_keeps_its_name_and_severity(report: CodeReport) -> None:
    after = merged(report, sarif("zizmor", ("zizmor/some-new-audit", 3)))
    assert added(report, after) == [("zizmor:some-new-audit", 3, "Failed")]
    assert after.rules["zizmor:some-new-audit"].severity.value == "High"


def test_a_comment_suppresses_a_finding_of_a_tool(report: CodeReport) -> None:
    after = merged(report, sarif("zizmor", ("zizmor/cache-poisoning", 8), ("zizmor/cache-poisoning", 7)))
    states = {one.region.line: one.state for one in after.findings if "cache-poisoning" in one.rule}
    assert states[8] is FindingState.SUPPRESSED
    assert states[7] is FindingState.FAILED


def test_files_that_a_tool_could_not_judge_are_unread(report: CodeReport) -> None:
    document = sarif("zizmor")
    document["runs"][0]["invocations"] = [{
        "executionSuccessful": False,
        "toolExecutionNotifications": [{"level": "error", "message": {"text": "x"}, "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": FILE}}}]}],
    }]  # fmt: skip
    unread = {one.region.file: one.reason for one in merged(report, document).unread}
    assert [*unread] == [FILE, "zizmor"]
    assert unread["zizmor"] == "zizmor says that it failed, so that findings may be missing: x"


def test_results_of_any_format_fail_the_gate(report: CodeReport) -> None:
    suite = '<testsuite name="smoke"><testcase classname="login" name="refuses"><failure message="200"/></testcase></testsuite>'
    after = merge_results(report, read_results(suite))
    assert added(report, after) == [("smoke:login", 1, "Failed")]


def test_the_report_does_not_depend_on_the_order_of_results(report: CodeReport) -> None:
    rules = [("zizmor/b", 3), ("zizmor/a", 5), ("zizmor/unpinned-uses", 7)]
    one, other = (merged(report, sarif("zizmor", *order)) for order in (rules, rules[::-1]))
    assert one.findings == other.findings


@pytest.mark.parametrize(
    ("tool", "name", "mine"),
    [
        ("zizmor", ".github/workflows/a.yml", True),
        ("zizmor", "sub/.github/workflows/a.yaml", True),
        ("zizmor", "actions/x/action.yml", True),
        ("zizmor", ".github/dependabot.yml", True),
        ("zizmor", "azure-pipelines.yml", False),
        ("hadolint", "Dockerfile", True),
        ("hadolint", "images/Dockerfile.prod", True),
        ("hadolint", "api.dockerfile", True),
        ("hadolint", "Dockerfile/notes.md", False),
    ],
)
def test_files_of_tools(tool: str, name: str, mine: bool) -> None:
    (found,) = [one for one in TOOLS if one.name == tool]
    assert bool(found.claims.search(name)) is mine


ZAP = """<?xml version="1.0"?>
<OWASPZAPReport programName="ZAP" version="2.16.0" generated="Sun, 1 Nov 2026 12:00:00">
  <site name="https://shop.contoso.com" host="shop.contoso.com" port="443" ssl="true"><alerts>
    <alertitem><pluginid>40012</pluginid><alertRef>40012</alertRef><alert>Cross Site Scripting (Reflected)</alert>
      <riskcode>3</riskcode><confidence>2</confidence><desc>&lt;p&gt;Script&lt;/p&gt;</desc>
      <instances><instance><uri>https://shop.contoso.com/find?q=1</uri><method>GET</method><param>q</param></instance>
      <instance><uri>https://shop.contoso.com/a</uri><method>POST</method><param>q</param></instance></instances>
      <solution>&lt;p&gt;Encode output.&lt;/p&gt;</solution></alertitem>
    <alertitem><pluginid>1</pluginid><alert>Not so</alert><riskcode>1</riskcode><confidence>0</confidence>
      <instances><instance><uri>https://shop.contoso.com/</uri><method>GET</method></instance></instances></alertitem>
  </alerts></site>
</OWASPZAPReport>"""


def test_zap_in_xml_is_zap_in_json() -> None:
    found = read_results(ZAP)
    assert (found.tool, found.tool_version) == ("ZAP", "2.16.0")
    told = [
        (one.finding.rule, one.finding.region.file, one.finding.severity.value, one.finding.state.value)
        for one in found.findings
    ]
    assert told == [
        ("zap-40012", "https://shop.contoso.com/find", "High", "Failed"),
        ("zap-40012", "https://shop.contoso.com/a", "High", "Failed"),
        ("zap-1", "https://shop.contoso.com/", "Low", "Suppressed"),
    ]
    document = {
        "@programName": "ZAP", "@version": "2.16.0",
        "site": [{"alerts": [
            {"pluginid": "40012", "alertRef": "40012", "alert": "Cross Site Scripting (Reflected)", "riskcode": "3", "confidence": "2",
             "desc": "<p>Script</p>", "solution": "<p>Encode output.</p>", "instances": [
                 {"uri": "https://shop.contoso.com/find?q=1", "method": "GET", "param": "q"},
                 {"uri": "https://shop.contoso.com/a", "method": "POST", "param": "q"}]},
            {"pluginid": "1", "alert": "Not so", "riskcode": "1", "confidence": "0",
             "instances": [{"uri": "https://shop.contoso.com/", "method": "GET"}]}]}],
    }  # fmt: skip
    assert read_results(document).findings == found.findings


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><OWASPZAPReport/>', "document type"),
        ("<OWASPZAPReport><site>", "well-formed"),
        ("<OWASPZAPReport>" + "<site>" * 200 + "</site>" * 200 + "</OWASPZAPReport>", "nest"),
        ("<testsuite>" + "<x>" * 5000 + "</x>" * 5000 + "</testsuite>", "nest"),
        ("<x><OWASPZAPReport/></x>", "root"),
    ],
    ids=["entities", "cut", "deep", "deep JUnit", "another root"],
)
def test_hostile_xml_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ResultsError, match=reason):
        read_results(text)


@pytest.mark.parametrize(
    "text",
    [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe<", b"<\xff"],
    ids=["arrays", "objects", "bytes", "XML"],
)
def test_hostile_files_are_a_usage_error(tmp_path: Path, text: bytes) -> None:
    from nephoscope.cli.session.pipeline_upload import read_document

    file = tmp_path / "results.json"
    file.write_bytes(text)
    with pytest.raises(SystemExit) as ended:
        read_document(file)
    assert ended.value.code == 2


def test_results_of_a_file_join_a_scan(tmp_path: Path) -> None:
    from click.testing import CliRunner

    from nephoscope.cli.main import cli

    repository = tmp_path / "repository"
    (repository / ".github" / "workflows").mkdir(parents=True)
    (repository / FILE).write_text(WORKFLOW)
    (tmp_path / "r.sarif").write_text(json.dumps(sarif("Scanner", ("S1", 1), file="app.py")))
    arguments = [
        "--data",
        str(tmp_path / "data"),
        "scan",
        str(repository),
        "--tools",
        "none",
        "-o",
        "json",
        "--fail-on-policy",
        "scanner:*",
    ]
    runner = CliRunner()
    clean = runner.invoke(cli, [*arguments, "--pass-policy", "github-*"])
    assert clean.exit_code == 0, clean.output
    crashed = sarif("Scanner")
    crashed["runs"][0]["invocations"] = [{"executionSuccessful": False, "exitCode": 137}]
    (tmp_path / "crashed.sarif").write_text(json.dumps(crashed))
    missing = runner.invoke(
        cli, [*arguments, "--pass-policy", "github-*", "--results", str(tmp_path / "crashed.sarif")]
    )
    assert missing.exit_code == 3, missing.output
    assert "findings may be missing: exit code 137" in missing.output
    failed = runner.invoke(
        cli, [*arguments, "--pass-policy", "github-*", "--results", str(tmp_path / "r.sarif")]
    )
    assert failed.exit_code == 1, failed.output
    assert "scanner:S1" in failed.output
