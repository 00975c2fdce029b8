"""JUnit test suites of findings in files: a suite a rule, a case a place."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from nephoscope.posture.code.finding import FindingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import CodeFinding


def build_suites(report: CodeReport, clean: Callable[[str], str]) -> Iterator[ET.Element]:
    """Give the suites: one for each rule with findings, then one with every file; `clean` drops what XML cannot carry."""
    by_rule: dict[str, list[CodeFinding]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    for key, findings in by_rule.items():
        name = clean(report.rules[key].title)
        suite = ET.Element("testsuite", name=name, tests=str(len(findings)))
        suite.extend(_build_case(finding, name, clean) for finding in findings)
        yield _set_counts(suite)
    yield _build_file_suite(report, clean)


def _build_case(finding: CodeFinding, name: str, clean: Callable[[str], str]) -> ET.Element:
    region = finding.region
    case = ET.Element("testcase", classname=name, name=clean(f"{region} {finding.subject}".rstrip()))
    case.set("file", clean(region.file))
    case.set("line", str(region.line))
    failed = finding.state is FindingState.FAILED
    message = finding.message if failed else f"{finding.state.value}: {finding.reason or finding.message}"
    child = ET.SubElement(case, "failure" if failed else "skipped", message=clean(message))
    if failed:
        child.set("type", finding.severity.value)
        child.text = clean("\n".join([f"{region}: {finding.message}", *finding.remediation]))
    return case


def _build_file_suite(report: CodeReport, clean: Callable[[str], str]) -> ET.Element:
    unread_files = {unread.region.file for unread in report.unread}
    judged = [file for file in report.files if file not in unread_files]
    suite = ET.Element("testsuite", name="Files are judged", tests=str(len(judged) + len(report.unread)))
    for file in judged:
        ET.SubElement(suite, "testcase", classname="Files are judged", name=clean(file))
    for unread in report.unread:
        case = ET.SubElement(suite, "testcase", classname="Files are judged", name=clean(str(unread.region)))
        ET.SubElement(case, "error", message=clean(unread.reason))
    return _set_counts(suite)


def _set_counts(suite: ET.Element) -> ET.Element:
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
    return suite
