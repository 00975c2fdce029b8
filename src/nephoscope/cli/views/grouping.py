"""Findings by the value of a tag, such as the owner of the resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from nephoscope.cli.terminal.console import create_console
from nephoscope_policy.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.reports.report_interface import ReportView

UNTAGGED = "(no such tag)"


def render(report: ReportView, tag: str, out: TextIO) -> None:
    """Print a table: group, findings of each severity, resources; those with most findings first, and all without the tag as one."""
    severities = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW]
    table = Table(
        title=Text(f"\nFindings by {tag}"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    table.add_column(Text(tag), header_style="dim")
    for severity in severities:
        table.add_column(severity.value.lower(), justify="right", header_style="dim")
    table.add_column("resources", justify="right", header_style="dim")
    named = [(name or UNTAGGED, holding) for name, holding in report.owners(tag).items()]
    for name, holding in sorted(named, key=lambda pair: (-pair[1].findings.total(), pair[0])):
        counts = [str(holding.findings[severity]) for severity in severities]
        table.add_row(Text(name), *counts, str(holding.resources))
    create_console(out).print(table)
