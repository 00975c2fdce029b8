"""Results of tools are read into one model, and what cannot be read says where."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.cli.code_outputs import load_code_renderer
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import (
    CodeFinding,
    FindingState,
    Region,
    UnreadFile,
    compute_fingerprints,
)
from nephoscope.posture.code.planned_resources import PlannedPlace
from nephoscope.posture.pipelines.results import tool_results
from nephoscope.posture.pipelines.results.result_reader import read_results
from nephoscope.posture.pipelines.results.tool_results import ResultsError
from nephoscope_policy.model.state import Severity

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def report() -> CodeReport:
    rule = CodeRule(id="r1", title="Use HTTPS", severity=Severity.HIGH, description="", steps=("Set it.",))
    states = (
        (FindingState.FAILED, ""),
        (FindingState.UNKNOWN, "a parameter"),
        (FindingState.SUPPRESSED, "accepted"),
    )
    findings = [
        CodeFinding(
            rule="r1",
            region=Region("a.json", 4, 7),
            message="Use HTTPS: it is false",
            severity=Severity.HIGH,
            subject="/x/y",
            state=state,
            reason=reason,
            evidence=reason or "false",
        )
        for state, reason in states
    ]
    unread = [UnreadFile(Region("b.json", 1), "broken")]
    planned = [PlannedPlace(id="/x/y", type="t", region=Region("a.json", 2), passed=("r2",))]
    return CodeReport("t", NOON, {"r1": rule}, findings, ["a.json"], unread, resources=planned)


def written(format_: str) -> Any:
    out = io.StringIO()
    load_code_renderer(format_)(report(), out)
    return out.getvalue() if format_ == "junit" else json.loads(out.getvalue())


@pytest.mark.parametrize("format_", ["json", "sarif"])
def test_the_gates_own_results_come_back(format_: str) -> None:
    found = read_results(written(format_))
    assert found.tool == "nephoscope"
    assert found.category == ""
    assert found.unread == ("b.json",)
    assert [one.fingerprint for one in found.findings] == compute_fingerprints(report().findings)
    assert [one.finding.state for one in found.findings] == [one.state for one in report().findings]
    for one, expected in zip(found.findings, report().findings, strict=True):
        assert (one.title, one.finding.rule, one.finding.severity) == ("Use HTTPS", "r1", Severity.HIGH)
        assert (one.finding.region.file, one.finding.region.line, one.finding.region.column) == (
            "a.json",
            4,
            7,
        )
        assert one.finding.subject == expected.subject
    assert [one.passed for one in found.resources] == ([("r2",)] if format_ == "json" else [])


def test_the_gates_junit_comes_back() -> None:
    found = read_results(written("junit"))
    states = [(one.finding.state, one.finding.region.file) for one in found.findings]
    assert states == [
        (FindingState.FAILED, "a.json"),
        (FindingState.UNKNOWN, "a.json"),
        (FindingState.UNKNOWN, "a.json"),
        (FindingState.UNKNOWN, "Files are judged"),
    ]
    assert found.findings[0].finding.severity is Severity.HIGH


def sarif(*results: dict[str, Any], **more: Any) -> dict[str, Any]:
    rules = [
        {"id": "S1", "shortDescription": {"text": "No secrets"}, "properties": {"security-severity": "9.8"}},
        {"id": "S2", "defaultConfiguration": {"level": "note"}},
    ]
    run = {
        "tool": {"driver": {"name": "Scanner", "version": "2", "rules": rules}},
        "results": list(results),
        **more,
    }
    return {"version": "2.1.0", "runs": [run]}


def at(file: str, line: int = 3) -> list[dict[str, Any]]:
    return [{"physicalLocation": {"artifactLocation": {"uri": file}, "region": {"startLine": line}}}]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            {"ruleId": "S1", "locations": at("a%20b.py")},
            ("S1", "No secrets", "Critical", "Failed", "a b.py", 3),
        ),
        ({"ruleIndex": 1, "locations": at("./c.py")}, ("S2", "S2", "Low", "Failed", "c.py", 3)),
        ({"ruleId": "S3", "level": "error"}, ("S3", "S3", "High", "Failed", "", 1)),
        ({"ruleId": "S3"}, ("S3", "S3", "Medium", "Failed", "", 1)),
        ({"ruleId": "S3", "kind": "open"}, ("S3", "S3", "Medium", "Unknown", "", 1)),
        (
            {"ruleId": "S3", "suppressions": [{"kind": "external"}]},
            ("S3", "S3", "Medium", "Suppressed", "", 1),
        ),
        (
            {"ruleId": "S3", "suppressions": [{"kind": "external", "status": "rejected"}]},
            ("S3", "S3", "Medium", "Failed", "", 1),
        ),
        ({"ruleId": "S3", "locations": at("d", -4)}, ("S3", "S3", "Medium", "Failed", "d", 1)),
        ({"ruleId": "S3", "baselineState": "absent"}, None),
        ({"ruleId": "S3", "kind": "pass"}, None),
    ],
)
def test_sarif_of_another_tool(result: dict[str, Any], expected: tuple[Any, ...] | None) -> None:
    found = read_results(sarif({"message": {"text": "m"}, **result}))
    told = [
        (
            one.finding.rule,
            one.title,
            one.finding.severity.value,
            one.finding.state.value,
            one.finding.region.file,
            one.finding.region.line,
        )
        for one in found.findings
    ]
    assert told == ([expected] if expected else [])


def test_fingerprints_of_a_tool_are_kept_and_told_apart() -> None:
    mark = {"partialFingerprints": {"primaryLocationLineHash": "abc:1"}}
    found = read_results(
        sarif(
            {"ruleId": "S1", **mark},
            {"ruleId": "S2", **mark},
            {"ruleId": "S1", **mark},
            {"ruleId": "S1", "message": {"text": "m"}},
        )
    )
    first, second, third, fourth = (one.fingerprint for one in found.findings)
    assert (first, second, third) == ("S1//abc:1", "S2//abc:1", "S1//abc:1#2")
    assert len(fourth) == 18


def test_the_category_is_the_automation_up_to_its_last_slash() -> None:
    assert read_results(sarif(automationDetails={"id": "ci/python/42"})).category == "ci/python"


def test_cyclonedx() -> None:
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {"tools": {"components": [{"name": "grype", "version": "1"}]}},
        "components": [
            {
                "bom-ref": "a",
                "name": "lib",
                "version": "1.0",
                "purl": "pkg:pypi/lib@1.0",
                "evidence": {"occurrences": [{"location": "req.txt"}]},
            }
        ],
        "vulnerabilities": [
            {
                "id": "CVE-1",
                "ratings": [{"severity": "low"}, {"severity": "critical"}],
                "affects": [{"ref": "a"}],
                "description": "d",
                "recommendation": "Upgrade lib.",
            },
            {
                "id": "CVE-2",
                "ratings": [{"score": 7.5}],
                "affects": [{"ref": "a"}],
                "analysis": {"state": "not_affected", "detail": "unused"},
            },
            {"id": "CVE-3"},
        ],
    }
    found = read_results(document)
    assert (found.tool, found.tool_version) == ("grype", "1")
    told = [
        (one.finding.rule, one.finding.severity.value, one.finding.state.value, one.finding.region.file)
        for one in found.findings
    ]
    assert told == [
        ("CVE-1", "Critical", "Failed", "req.txt"),
        ("CVE-2", "High", "Suppressed", "req.txt"),
        ("CVE-3", "Medium", "Failed", ""),
    ]
    assert found.findings[1].finding.reason == "unused"
    assert found.findings[0].finding.subject == "pkg:pypi/lib@1.0"


def test_zap() -> None:
    instances = [{"uri": f"https://shop/search?q={one}", "method": "GET", "param": "q"} for one in (1, 2)]
    alert = {
        "alertRef": "40012",
        "alert": "XSS",
        "riskcode": "3",
        "confidence": "2",
        "desc": "<p>Bad &amp; ugly</p>",
        "instances": instances,
    }
    wrong = {**alert, "alertRef": "1", "confidence": "0", "riskcode": "0", "instances": instances[:1]}
    found = read_results({"@programName": "ZAP", "@version": "2.16", "site": [{"alerts": [alert, wrong]}]})
    told = [
        (one.finding.rule, one.finding.severity.value, one.finding.state.value, one.finding.region.file)
        for one in found.findings
    ]
    assert told == [
        ("zap-40012", "High", "Failed", "https://shop/search"),
        ("zap-40012", "High", "Failed", "https://shop/search"),
        ("zap-1", "Informational", "Suppressed", "https://shop/search"),
    ]
    assert found.findings[0].finding.message == "XSS: Bad & ugly"
    assert len({one.fingerprint for one in found.findings}) == 3


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [{"services": found}]
    return found


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "unsupported format"),
        ([], "unsupported format"),
        ("plain text", "unsupported format"),
        (None, "unsupported format"),
        ({"version": "2.0.0", "runs": []}, "version must be 2.1.0"),
        ({"version": "2.1.0", "runs": []}, "runs: has no run"),
        ({"version": "2.1.0", "runs": [1]}, "one tool's, with a name"),
        (sarif() | {"runs": [*sarif()["runs"], {"tool": {"driver": {"name": "Other"}}}]}, "one tool's"),
        (
            {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": {}}]},
            "runs[0].results: must be an array",
        ),
        (sarif(invocations=7), "invocations: must be an array"),
        ({"schemaVersion": 2, "findings": [], "unread": []}, "schema version 2"),
        ({"schemaVersion": 1, "findings": [{"finding": 1}], "unread": []}, "$.findings[0]"),
        ("<testsuites", "not well-formed"),
        ("<a><testsuite/></a>", "the root must be"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><testsuite name="&a;"/>', "document types are not allowed"),
        ({"bomFormat": "CycloneDX", "vulnerabilities": 3}, "vulnerabilities: must be an array"),
        ({"bomFormat": "CycloneDX", "components": {}}, "components: must be an array"),
        ({"bomFormat": "CycloneDX", "vulnerabilities": ["x"]}, "vulnerabilities[0]: must be an object"),
        (
            {"bomFormat": "CycloneDX", "vulnerabilities": [{"affects": 1}]},
            "vulnerabilities[0].affects: must be an array",
        ),
        ({"bomFormat": "CycloneDX", "services": nested(300)}, "nests deeper than 200"),
        ({"@programName": "ZAP", "site": "x"}, "site: must be an array"),
    ],
)
def test_what_cannot_be_read_says_where(document: Any, said: str) -> None:
    with pytest.raises(ResultsError) as caught:
        read_results(document)
    assert said in str(caught.value)


def test_an_html_document_in_a_test_log_is_read() -> None:
    text = (
        '<testsuite><testcase name="t"><failure><![CDATA[<!DOCTYPE html>]]></failure></testcase></testsuite>'
    )
    assert [one.finding.message for one in read_results(text).findings] == ["<!DOCTYPE html>"]


def test_too_many_findings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_results, "MOST_FINDINGS", 1)
    with pytest.raises(ResultsError, match="split the run by category"):
        read_results(sarif({"ruleId": "a"}, {"ruleId": "b"}))


def test_texts_are_cut_and_lose_control_characters() -> None:
    found = read_results(sarif({"ruleId": "S1", "message": {"text": "a\x1b[31m" + "b" * 9000}}))
    message = found.findings[0].finding.message
    assert message.startswith("a [31m")
    assert len(message) == tool_results.MOST_TEXT
