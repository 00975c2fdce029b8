"""JUnit XML: a suite a recommendation, a test case a resource, for CI servers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree as ET

from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.posture.reports.resource_label import label_resource
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.recommendations.report_row import RecommendationGroup, ReportRow
    from nephoscope.posture.reports.report_interface import ReportView

READS = RowSelection(
    frozenset(ComplianceState) - {ComplianceState.NOT_APPLICABLE}, frozenset({ComplianceState.NON_COMPLIANT})
)
_ELEMENT = {
    ComplianceState.NON_COMPLIANT: "failure",
    ComplianceState.ERROR: "error",
    ComplianceState.UNKNOWN: "skipped",
    ComplianceState.EXEMPT: "skipped",
}

#: What XML 1.0 cannot carry, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: ReportView, out: TextIO) -> None:
    """Write `<testsuites>`: NonCompliant is a failure, Error an error, Unknown and Exempt are skipped with their reason."""
    suites: dict[str, dict[ComplianceState, RecommendationGroup]] = defaultdict(dict)
    for group in report.groups:
        if group.state is not ComplianceState.NOT_APPLICABLE:
            suites[group.key][group.state] = group
    root = ET.Element("testsuites", name=_replace_forbidden(f"nephoscope {report.scope}"))
    out.write('<?xml version="1.0" encoding="utf-8"?>\n')
    if not suites:
        out.write(_to_xml(root) + "\n")
        return
    out.write(_render_opening_tag(root) + "\n")
    for key, groups in suites.items():
        _write_suite(report, key, groups, out)
    out.write("</testsuites>\n")


def render_code(report: CodeReport, out: TextIO) -> None:
    """Write a suite a rule and a case a finding; a file that could not be judged is an error, any other file passes."""
    from nephoscope.cli.code.junit import build_suites

    root = ET.Element("testsuites", name=_replace_forbidden(f"nephoscope {report.target}"))
    root.extend(build_suites(report, _replace_forbidden))
    ET.indent(root)
    out.write('<?xml version="1.0" encoding="utf-8"?>\n' + _to_xml(root) + "\n")


def _write_suite(
    report: ReportView, key: str, groups: dict[ComplianceState, RecommendationGroup], out: TextIO
) -> None:
    """Write a suite, one case after the other."""
    counts = Counter({state: report.groups[group] for state, group in groups.items()})
    name = _replace_forbidden(report.metadata(key).name)
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(counts.total()),
        failures=str(counts[ComplianceState.NON_COMPLIANT]),
        errors=str(counts[ComplianceState.ERROR]),
        skipped=str(counts[ComplianceState.UNKNOWN] + counts[ComplianceState.EXEMPT]),
    )
    out.write(f"  {_render_opening_tag(suite)}\n")
    for group in groups.values():
        for row in report.list_rows_of_group(group):
            case = ET.Element(
                "testcase", classname=name, name=_replace_forbidden(label_resource(report, row))
            )
            _add_outcome(report, row, case)
            ET.indent(case, level=2)
            out.write(f"    {_to_xml(case)}\n")
    out.write("  </testsuite>\n")


def _to_xml(element: ET.Element) -> str:
    return ET.tostring(element, encoding="unicode")


def _render_opening_tag(element: ET.Element) -> str:
    """The start tag of an element that has no children yet."""
    return _to_xml(element).removesuffix(" />") + ">"


def _add_outcome(report: ReportView, row: ReportRow, case: ET.Element) -> None:
    element = _ELEMENT.get(row.assessment.state)
    if element is None:
        return
    text = row.explanation or row.title
    if element == "failure" and text == row.title:
        text = describe_failure(row.recommendation.name, row.recommendation.finding)
    child = ET.SubElement(
        case, element, message=_replace_forbidden(text), type=row.recommendation.severity.value
    )
    if element == "failure":
        child.text = _replace_forbidden(
            "\n".join([report.reason_of(row), *row.recommendation.remediation.steps])
        )


def _replace_forbidden(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
