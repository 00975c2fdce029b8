"""JUnit XML: a failed test is a finding; one that was skipped, or broke before it could judge, is Unknown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from nephoscope.posture.code.finding import CodeFinding, FindingState
from nephoscope.posture.pipelines.results.tool_results import (
    ResultsError,
    ToolResults,
    check_size,
    clean_text,
    make_finding,
    with_fingerprints,
)
from nephoscope.posture.pipelines.results.xml_text import parse_xml
from nephoscope_policy.model.state import Severity

_SUITES = ("testsuites", "testsuite")


def recognizes(document: object) -> bool:
    """Tell whether a document is the text of XML with test suites."""
    return isinstance(document, str) and any(f"<{name}" in document[:10_000] for name in _SUITES)


def read(document: Any) -> ToolResults:
    """Read the suites; a document type is refused, since its entities can grow without bound."""
    root = parse_xml(document)
    if root.tag not in _SUITES:
        raise ResultsError(f"the root must be testsuites or testsuite (got {clean_text(root.tag, 50)!r})")
    found = list(_read_cases(root))
    check_size(found, "testsuites")
    findings = [finding for finding, _ in found]
    return ToolResults(
        tool=clean_text(root.get("name"), 100) or "JUnit",
        findings=with_fingerprints(findings, [title for _, title in found]),
    )


def _read_cases(root: ET.Element) -> Iterator[tuple[CodeFinding, str]]:
    for case in root.iter("testcase"):
        for tag, state in (
            ("failure", FindingState.FAILED), ("error", FindingState.UNKNOWN), ("skipped", FindingState.UNKNOWN)
        ):  # fmt: skip
            child = case.find(tag)
            if child is not None:
                yield _make_finding(case, child, state)
                break


def _make_finding(case: ET.Element, child: ET.Element, state: FindingState) -> tuple[CodeFinding, str]:
    group, name = clean_text(case.get("classname"), 300), clean_text(case.get("name"), 1_000)
    message = clean_text(child.get("message")) or clean_text(child.text) or name
    line = case.get("line", "")
    finding = make_finding(
        group or name,
        case.get("file", "") or group,
        message,
        _parse_severity(child.get("type", "")),
        line=int(line) if line.isdecimal() and len(line) < 9 else 1,
        state=state,
        subject=name,
        # what a test says differs from run to run: its name is what it is known by
        evidence=name,
        reason="" if state is FindingState.FAILED else message,
    )
    return finding, group or name


def _parse_severity(type_: str) -> Severity:
    return next((one for one in Severity if one.value == type_), Severity.MEDIUM)
