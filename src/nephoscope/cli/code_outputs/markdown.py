"""Markdown: a comment for a pull request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TextIO

from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.posture.code.finding import merge_alike
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.posture.code.code_report import CodeReport
    from nephoscope.posture.code.finding import CodeFinding

#: A comment has at most 65,536 characters on GitHub; the other formats have all.
MAX_ROWS = 100
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|#~])")


def render(report: CodeReport, out: TextIO) -> None:
    """Write a heading with counts, a table of what fails, and what could not be judged."""
    out.write("\n".join(_list_lines(report)) + "\n")


def _list_lines(report: CodeReport) -> Iterator[str]:
    failed = sorted(merge_alike(report.failed_findings), key=lambda one: (-one.severity.rank, one.order))
    counts = report.counts()
    severities = ", ".join(f"{counts[one]} {one.value}" for one in reversed(Severity) if counts[one])
    yield f"## nephoscope: {format_count(len(report.failed_findings), 'finding')}" + (
        f" ({severities})" if severities else ""
    )
    if failed:
        yield from ("", "| Severity | Place | Finding |", "|---|---|---|")
        yield from map(_format_row, failed[:MAX_ROWS])
    if len(failed) > MAX_ROWS:
        yield from ("", f"and {len(failed) - MAX_ROWS} more")
    if report.unread:
        yield from ("", "**Not assessed**", "")
        yield from (f"- `{one.region}`: {_escape_text(one.reason)}" for one in report.unread[:MAX_ROWS])
    if report.unknown:
        yield from (
            "",
            f"{format_count(len(report.unknown), 'result')} depend on values known only at deployment.",
        )


def _format_row(finding: CodeFinding) -> str:
    place = _escape_text(f"{finding.region.file}:{finding.region.line}")
    steps = f"<br>{_escape_text(' '.join(finding.remediation))}" if finding.remediation else ""
    return f"| {finding.severity.value} | {place} | {_escape_text(finding.message)}{steps} |"


def _escape_text(text: str) -> str:
    """Text as Markdown shows it as it is: nothing that a template says becomes a link, an image or a mention."""
    escaped = _MARKUP.sub(r"\\\1", text).replace("\r", " ").replace("\n", " ")
    return escaped.replace("@", "@\u200b").replace("<", "&lt;")
