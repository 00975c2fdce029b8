"""JUnit XML: a suite a recommendation, a test case a resource, for CI servers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TextIO
from xml.sax.saxutils import XMLGenerator

from nephoscope.model.state import State

if TYPE_CHECKING:
    from nephoscope.posture.report import Report, Row

_ELEMENT = {
    State.NON_COMPLIANT: "failure",
    State.ERROR: "error",
    State.UNKNOWN: "skipped",
    State.EXEMPT: "skipped",
}


def render(report: Report, out: TextIO) -> None:
    """Write `<testsuites>`: NonCompliant is a failure, Error an error, Unknown and Exempt are skipped with their reason."""
    suites: dict[str, list[Row]] = defaultdict(list)
    for row in report.rows:
        if row.assessment.state is not State.NOT_APPLICABLE:
            suites[row.assessment.key].append(row)
    xml = XMLGenerator(out, "utf-8", short_empty_elements=True)
    xml.startDocument()
    xml.startElement("testsuites", {"name": f"nephoscope {_clean(report.scope)}"})
    for rows in suites.values():
        _suite(report, rows, xml)
    xml.endElement("testsuites")
    out.write("\n")


def _suite(report: Report, rows: list[Row], xml: XMLGenerator) -> None:
    states = [row.assessment.state for row in rows]
    counts = {
        "tests": len(rows),
        "failures": states.count(State.NON_COMPLIANT),
        "errors": states.count(State.ERROR),
        "skipped": states.count(State.UNKNOWN) + states.count(State.EXEMPT),
    }
    name = _clean(rows[0].recommendation.name)
    xml.startElement("testsuite", {"name": name, **{key: str(value) for key, value in counts.items()}})
    for row in rows:
        xml.startElement("testcase", {"classname": name, "name": _clean(row.assessment.resource)})
        _outcome(report, row, xml)
        xml.endElement("testcase")
    xml.endElement("testsuite")


def _outcome(report: Report, row: Row, xml: XMLGenerator) -> None:
    element = _ELEMENT.get(row.assessment.state)
    if element is None:
        return
    text = row.assessment.description or row.recommendation.name
    xml.startElement(element, {"message": _clean(text), "type": _clean(row.recommendation.severity)})
    if element == "failure":
        lines = [reason.message or reason.path for reason in report.reasons(row)]
        xml.characters(_clean("\n".join([*lines, *row.recommendation.remediation.steps])))
    xml.endElement(element)


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot carry."""
    return "".join(
        char
        for char in text
        if char in "\t\n\r" or " " <= char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char >= "\U00010000"
    )
