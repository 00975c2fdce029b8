"""The exit code of a command that judges an estate; see docs/reference/outputs.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.model.state import Severity, State

if TYPE_CHECKING:
    from nephoscope.posture.reported import Reported

CLEAN, FINDINGS, USAGE, NOT_JUDGED = 0, 1, 2, 3


def exit_code(report: Reported, fail_on: str | None, fail_on_unknown: bool) -> int:
    """1 for findings at or over `fail_on`, else 3 where something failed to be judged, else 0."""
    worst = report.worst_severity()
    if fail_on and worst is not None and worst.rank >= Severity(fail_on).rank:
        return FINDINGS
    if (
        report.states[State.ERROR]
        or report.quarantine
        or report.coverage.gaps
        or any(problem.error for problem in report.errors)
    ):
        return NOT_JUDGED
    return NOT_JUDGED if fail_on_unknown and report.states[State.UNKNOWN] else CLEAN
