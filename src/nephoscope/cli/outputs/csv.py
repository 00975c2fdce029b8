"""CSV: one assessment a row, for spreadsheets."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, TextIO

from nephoscope.posture.reports.row_selection import RowSelection

if TYPE_CHECKING:
    from nephoscope.posture.recommendations.report_row import ReportRow
    from nephoscope.posture.reports.report_interface import ReportView

READS = RowSelection()
COLUMNS = (
    "state",
    "severity",
    "recommendation",
    "resource",
    "resourceType",
    "subscription",
    "resourceGroup",
    "resourceName",
    "policy",
    "effect",
    "reason",
    "description",
    "initiative",
    "assignment",
    "scoreControl",
    "change",
    "tenant",
)


def render(report: ReportView, out: TextIO) -> None:
    """Write a header and a row an assessment."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in report.rows:
        control = report.controls.find_scoring_control(row.recommendation)
        writer.writerow([escape_cell(value) for value in _list_cells(row, control.name if control else "")])


def _list_cells(row: ReportRow, control: str) -> tuple[str, ...]:
    item, id_ = row.assessment, row.id
    return (
        item.state,
        row.recommendation.severity,
        row.recommendation.name,
        item.resource,
        id_.type,
        id_.subscription,
        id_.resource_group,
        row.name,
        item.key,
        item.effect,
        item.cause,
        row.description,
        item.initiative,
        item.assignment,
        control,
        row.change,
        row.tenant,
    )


def escape_cell(value: object) -> str:
    """A spreadsheet runs a cell that begins like a formula: a quote before it makes it text (OWASP, CSV injection)."""
    text = str(value)
    return "'" + text if text.startswith(_FORMULA) else text


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Characters that start a formula, including full-width forms."""
