"""Findings by the value of a tag, such as the owner of the resource."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TextIO

from rich.table import Table
from rich.text import Text

from nephoscope.cli.outputs.table import console_of
from nephoscope.model.state import Severity

if TYPE_CHECKING:
    from nephoscope.posture.report import Report, Row

UNTAGGED = "(no such tag)"


def groups(report: Report, tag: str) -> dict[str, list[Row]]:
    """The findings by tag value, those with most findings first; resources without the tag are a group of their own."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in report.findings():
        found[row.owner(tag) or UNTAGGED].append(row)
    return dict(sorted(found.items(), key=lambda pair: (-len(pair[1]), pair[0])))


def render(report: Report, tag: str, out: TextIO) -> None:
    """Print a table: group, findings of each severity, resources."""
    severities = [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW]
    table = Table(
        title=Text(f"\nFindings by {tag}"), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    table.add_column(Text(tag), header_style="dim")
    for severity in severities:
        table.add_column(severity.value.lower(), justify="right", header_style="dim")
    table.add_column("resources", justify="right", header_style="dim")
    for name, rows in groups(report, tag).items():
        found = [row.recommendation.severity for row in rows]
        counts = [str(found.count(severity)) for severity in severities]
        table.add_row(Text(name), *counts, str(len({row.assessment.resource for row in rows})))
    console_of(out).print(table)
