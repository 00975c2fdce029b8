"""JUnit XML: a suite a recommendation, a test case a resource, for CI servers."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, TextIO
from xml.etree import ElementTree as ET

from nephoscope.model.state import State

if TYPE_CHECKING:
    from nephoscope.posture.report import Report, Row

_ELEMENT = {
    State.NON_COMPLIANT: "failure",
    State.ERROR: "error",
    State.UNKNOWN: "skipped",
    State.EXEMPT: "skipped",
}

#: What XML 1.0 cannot carry, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report, out: TextIO) -> None:
    """Write `<testsuites>`: NonCompliant is a failure, Error an error, Unknown and Exempt are skipped with their reason."""
    suites: dict[str, list[Row]] = defaultdict(list)
    for row in report.rows:
        if row.assessment.state is not State.NOT_APPLICABLE:
            suites[row.assessment.key].append(row)
    root = ET.Element("testsuites", name=_clean(f"nephoscope {report.scope}"))
    for rows in suites.values():
        root.append(_suite(report, rows))
    ET.indent(root)
    out.write('<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n")


def _suite(report: Report, rows: list[Row]) -> ET.Element:
    states = [row.assessment.state for row in rows]
    name = _clean(rows[0].recommendation.name)
    suite = ET.Element(
        "testsuite",
        name=name,
        tests=str(len(rows)),
        failures=str(states.count(State.NON_COMPLIANT)),
        errors=str(states.count(State.ERROR)),
        skipped=str(states.count(State.UNKNOWN) + states.count(State.EXEMPT)),
    )
    for row in rows:
        case = ET.SubElement(suite, "testcase", classname=name, name=_clean(row.assessment.resource))
        _outcome(report, row, case)
    return suite


def _outcome(report: Report, row: Row, case: ET.Element) -> None:
    element = _ELEMENT.get(row.assessment.state)
    if element is None:
        return
    text = row.assessment.description or row.recommendation.name
    child = ET.SubElement(case, element, message=_clean(text), type=row.recommendation.severity.value)
    if element == "failure":
        child.text = _clean("\n".join([report.why(row), *row.recommendation.remediation.steps]))


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
