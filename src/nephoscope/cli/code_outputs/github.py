"""GitHub Actions: workflow commands that annotate the lines of a pull request.

Source: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from nephoscope.posture.code.finding import merge_alike
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import CodeFinding, Region

READ_BY_HOST = True
_COMMANDS = {Severity.CRITICAL: "error", Severity.HIGH: "error", Severity.MEDIUM: "warning"}


def render(report: CodeReport, out: TextIO) -> None:
    """Write a command for each finding that failed, the gravest first (GitHub shows ten), and each file that was not judged."""
    failed = sorted(merge_alike(report.failed_findings), key=lambda one: -one.severity.rank)
    out.writelines(_format_annotation(finding, report.rules[finding.rule].title) + "\n" for finding in failed)
    out.writelines(
        f"::error {_format_location(unread.region)},title=Not judged::{_escape_data(unread.reason)}\n"
        for unread in report.unread
    )


def _format_annotation(finding: CodeFinding, title: str) -> str:
    command = _COMMANDS.get(finding.severity, "notice")
    text = "\n".join([finding.message, *finding.remediation])
    return f"::{command} {_format_location(finding.region)},title={_escape_property(title)}::{_escape_data(text)}"


def _format_location(region: Region) -> str:
    parts = {"file": _escape_property(region.file), "line": region.line, "endLine": region.last_line}
    if region.last_line == region.line:
        parts |= {"col": region.column}
    if region.last_line == region.line and region.end_column:
        parts |= {"endColumn": region.end_column}
    return ",".join(f"{name}={value}" for name, value in parts.items())


def _escape_data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace(":", "%3A").replace(",", "%2C")
