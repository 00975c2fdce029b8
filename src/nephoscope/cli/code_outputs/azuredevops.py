"""Azure Pipelines: logging commands that put findings at lines of the run's summary.

Source: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands#logissue-log-an-error-or-warning
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from nephoscope.posture.code.finding import merge_alike
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import Region

READ_BY_HOST = True
_ERRORS = (Severity.CRITICAL, Severity.HIGH)


def render(report: CodeReport, out: TextIO) -> None:
    """Write a command a finding that failed and one for each file that could not be judged."""
    for finding in merge_alike(report.failed_findings):
        kind = "error" if finding.severity in _ERRORS else "warning"
        out.write(_format_issue(kind, finding.region, finding.message, finding.rule))
    out.writelines(
        _format_issue("error", unread.region, f"not assessed: {unread.reason}", "not-judged")
        for unread in report.unread
    )


def _format_issue(kind: str, region: Region, text: str, code: str) -> str:
    place = (
        f"sourcepath={_escape_property(region.file)};linenumber={region.line};columnnumber={region.column}"
    )
    return f"##vso[task.logissue type={kind};{place};code={_escape_property(code)};]{_escape_data(text)}\n"


def _escape_data(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(";", "%3B").replace("]", "%5D")
