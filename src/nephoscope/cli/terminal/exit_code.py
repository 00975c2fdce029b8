"""The exit code of a command that judges an estate; see docs/reference/outputs.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.cli.terminal.messages import exit_with_usage_error, print_message
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope_policy.model.state import ComplianceState, Severity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.posture.recommendations.report_row import RecommendationGroup
    from nephoscope.posture.reports.report_interface import ReportView

CLEAN, FINDINGS, USAGE, NOT_JUDGED, NOTHING_ASSESSED = 0, 1, 2, 3, 4


def choose_exit_code(report: ReportView, fail_on: str | None, fail_on_unknown: bool) -> int:
    """Return 1 for findings at or over `fail_on`, else 3 where something failed to be judged, else 4 where nothing was, else 0."""
    worst = report.find_worst_severity()
    if fail_on and worst is not None and worst.rank >= Severity(fail_on).rank:
        return FINDINGS
    if (
        report.states[ComplianceState.ERROR]
        or report.quarantine
        or report.coverage.gaps
        or any(problem.error for problem in report.errors)
    ):
        return NOT_JUDGED
    if fail_on_unknown and report.states[ComplianceState.UNKNOWN]:
        return NOT_JUDGED
    return CLEAN if has_applicable_assessment(report.group_sizes) else NOTHING_ASSESSED


def has_applicable_assessment(judged: Mapping[RecommendationGroup, int]) -> bool:
    """Return whether some recommendation applied to some resource, however that ended."""
    return any(group.state is not ComplianceState.NOT_APPLICABLE for group in judged)


def require_written_rows(report: ReportView, output: str) -> bool:
    """Say that nothing was assessed where that is so, and whether the output is written all the same: SARIF is not.

    A code scanning service closes every alert that the newest SARIF file lacks.
    """
    if has_applicable_assessment(report.group_sizes):
        return True
    warn_nothing_assessed()
    if report.quarantine:
        first = report.quarantine[0]
        print_message(
            f"{format_count(len(report.quarantine), 'record')} could not be used; the first, {first.place}: {first.reason}"
        )
    if output == "sarif":
        print_message(
            "no SARIF is written: without results, it would close every alert of a code scanning service"
        )
    return output != "sarif"


def warn_nothing_assessed() -> None:
    """Say that a gate has checked nothing."""
    print_message("nothing was assessed: no recommendation applies to the scanned resources")


def check_gate(report: ReportView, fail_on: str | None) -> None:
    """Refuse a gate that can never fail: no recommendation of Azure or of the own pack is Critical."""
    if fail_on == Severity.CRITICAL and not report.has_critical():
        exit_with_usage_error(
            "--fail-on Critical would never fail: no loaded recommendation is Critical; use High, "
            "Medium, Low or Informational, or gate on attack paths, which can be Critical: "
            "nephoscope attackpaths --fail-on Critical"
        )
