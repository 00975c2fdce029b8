"""Markdown: a summary for a pull request, an issue or a wiki page."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TextIO

from nephoscope.cli.outputs.table import NO_CONTROL, format_score
from nephoscope.posture.reports.report import choose_listed_groups, list_failing_recommendations
from nephoscope.posture.reports.resource_label import label_resource
from nephoscope.posture.reports.row_selection import RowSelection
from nephoscope_policy.model.state import ComplianceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.posture.reports.report_interface import ReportView

#: Reviewers read the worst; the JSON output has all rows.
MAX_FINDINGS = 200
READS = RowSelection(
    frozenset({ComplianceState.NON_COMPLIANT}), frozenset({ComplianceState.NON_COMPLIANT}), MAX_FINDINGS
)


def render(report: ReportView, out: TextIO) -> None:
    """Write headings and tables in GitHub's dialect."""
    out.write(f"# Security posture of {_escape_text(report.scope)}\n\n")
    out.write(
        f"**Secure score {format_score(report.score)}**, evaluated {report.now:%Y-%m-%d %H:%M} UTC.\n\n"
    )
    out.writelines(
        _build_table(
            ("State", "Assessments"), ((state.value, report.states[state]) for state in ComplianceState)
        )
    )
    out.write("\n## Controls\n\n")
    if report.score.assessed_controls:
        out.writelines(
            _build_table(
                ("Control", "Score", "Max", "Healthy", "Unhealthy", "Not assessed"), _list_controls(report)
            )
        )
    else:
        out.write(f"{NO_CONTROL}\n")
    out.write("\n## Recommendations\n\n")
    out.writelines(
        _build_table(
            ("Severity", "Recommendation", "Failing", "Assessed", "Not assessed", "Gain"),
            _list_recommendations(report),
        )
    )
    out.write("\n## Findings\n\n")
    out.writelines(
        _build_table(
            ("Severity", "Recommendation", "Resource", "Why"),
            (
                (
                    row.recommendation.severity.value,
                    row.title,
                    _Code(label_resource(report, row)),
                    report.reason_of(row),
                )
                for row in islice(report.findings(), MAX_FINDINGS)
            ),
        )
    )
    findings = [
        count for group, count in report.groups.items() if group.state is ComplianceState.NON_COMPLIANT
    ]
    more = sum(findings) - MAX_FINDINGS
    if more > 0:
        out.write(f"\n{more} more findings are in the JSON output.\n")
    if listed := choose_listed_groups(report):
        out.write("\n## Assessments\n\n")
        rows = (
            (
                one.recommendation.severity.value,
                one.state.value,
                one.recommendation.name,
                one.count,
                one.reason,
            )
            for one in listed
        )
        out.writelines(_build_table(("Severity", "State", "Recommendation", "Assessments", "Reason"), rows))


def _list_controls(report: ReportView) -> Iterator[tuple[object, ...]]:
    for item in report.score.assessed_controls:
        score = f"{item.current:.2f}" if item.weight else "not scored"
        yield item.control.name, score, item.control.max_score, item.healthy, item.unhealthy, item.unknown


def _list_recommendations(report: ReportView) -> Iterator[tuple[object, ...]]:
    for item in list_failing_recommendations(report):
        counts = item.counts
        figures = (counts.unhealthy, counts.assessed_count, counts.not_assessed, f"{item.gain:.2f}")
        yield item.recommendation.severity.value, item.title, *figures


def _build_table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |\n"
    yield "|" + " --- |" * len(head) + "\n"
    for row in rows:
        yield (
            "| "
            + " | ".join(_escape_text(cell if isinstance(cell, str) else str(cell)) for cell in row)
            + " |\n"
        )


class _Code(str):
    """Text that is shown as code."""

    __slots__ = ()


def _escape_text(text: str) -> str:
    """Text that cannot break out of a table cell, become HTML, a link or an image."""
    if isinstance(text, _Code):
        code = text.replace("`", "'").replace("|", "\\|").replace("\n", " ")
        return f"`{code}`"
    text = text.replace("\n", " ")
    for mark in ("\\", "|", "[", "`"):
        text = text.replace(mark, "\\" + mark)
    return text.replace("<", "&lt;")
