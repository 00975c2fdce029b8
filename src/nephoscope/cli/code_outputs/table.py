"""The terminal: a line a finding, the worst first, and what could not be judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.posture.code.finding import FindingState, merge_alike
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import CodeFinding

#: Findings whose value is not known are many; the other formats have all.
MAX_UNKNOWN = 10


def render(report: CodeReport, out: TextIO) -> None:
    """Write the findings by severity and place, then counts."""
    out.writelines(line + "\n" for line in _list_lines(report))


def _list_lines(report: CodeReport) -> Iterator[str]:
    for finding in sorted(
        merge_alike(report.failed_findings), key=lambda one: (-one.severity.rank, one.order)
    ):
        yield f"{finding.region}: {finding.severity.value}: {finding.message}"
        yield from (f"    by {region}" for region in finding.related)
    yield from _list_unknown_findings(merge_alike(report.unknown))
    yield from (
        f"{one.region}: suppressed: {one.message} ({one.reason})"
        for one in merge_alike(report.suppressed_findings)
    )
    known = sum(one.state is FindingState.KNOWN for one in report.findings)
    if known:
        yield f"{format_count(known, 'finding')} in the baseline"
    yield from (f"{one.region}: not assessed: {one.reason}" for one in report.unread)
    yield from _list_summary_lines(report)


def _list_unknown_findings(findings: list[CodeFinding]) -> Iterator[str]:
    yield from (f"{one.region}: unknown: {one.message}" for one in findings[:MAX_UNKNOWN])
    if len(findings) > MAX_UNKNOWN:
        yield (
            f"and {len(findings) - MAX_UNKNOWN} more that are unknown before deployment: -o json lists all"
        )


def _list_summary_lines(report: CodeReport) -> Iterator[str]:
    counts = report.counts()
    severities = [f"{counts[one]} {one.value}" for one in Severity if counts[one]]
    found = format_count(len(report.failed_findings), "finding")
    yield f"{format_count(len(report.files), 'file')}: {found}" + (
        f" ({', '.join(severities)})" if severities else ""
    )
    if report.states:
        states = (
            f"{report.states[state]} {state.value}" for state in ComplianceState if report.states[state]
        )
        yield f"assessments: {', '.join(states)}"
    for cause, count in sorted(report.elsewhere.items()):
        yield f"{format_count(count, 'assessment')} depend on data outside the template ({cause})"
