"""Data gaps: what is missing, how many assessments wait for it, and what settles them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TextIO

import msgspec
from rich.markup import escape

from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.posture.data_gaps.gap_groups import DataGap
from nephoscope.posture.data_gaps.remedies import EXPORTED, FOLDER

SCHEMA_VERSION = 1
#: Recommendations that a table names of a gap.
MOST = 3
_WAYS = (
    "\nOptions of `nephoscope collect`: --type may be repeated; `--script az` (or "
    "powershell) instead of --out prints commands to run\nwhere nephoscope cannot sign in. "
    f"Then scan both together: nephoscope scan ESTATE {FOLDER}"
)


def render(gaps: Sequence[DataGap], assessed: int, out: TextIO) -> None:
    """Print each gap with its remedy."""
    console = create_console(out)
    waiting = sum(one.count for one in gaps)
    console.print(
        f"\n[bold]Data gaps[/bold]  {waiting:,} of {format_count(assessed, 'assessment')} could "
        "not be evaluated"
    )
    if not gaps:
        console.print("  No data gaps: everything that applies was evaluated.")
    for gap in gaps:
        console.print(
            f"\n[bold]{gap.count:>7,}[/bold]  [bold]{escape(gap.title)}[/bold]  [dim]{gap.missing.need.value}[/dim]"
        )
        console.print(f"         {escape(gap.remedy.action)}.", soft_wrap=True)
        for line in gap.remedy.commands[:1]:
            console.print(f"         $ {line}", markup=False, highlight=False, soft_wrap=True)
        if gap.remedy.permissions:
            console.print(
                f"         permission: {', '.join(gap.remedy.permissions)}", markup=False, soft_wrap=True
            )
        for one in gap.recommendations[:MOST]:
            console.print(f"         {one.count:>5,}  {one.title}", markup=False, style="dim", soft_wrap=True)
        if len(gap.recommendations) > MOST:
            more = format_count(len(gap.recommendations) - MOST, "more recommendation")
            console.print(f"                and {more}: -o json has all", style="dim")

    if any(one.missing.need in EXPORTED for one in gaps):
        console.print(_WAYS, markup=False, highlight=False, soft_wrap=True)


def render_json(gaps: Sequence[DataGap], assessed: int, out: TextIO) -> None:
    """Print all of them as JSON."""
    document = {
        "schemaVersion": SCHEMA_VERSION,
        "assessments": assessed,
        "unjudged": sum(one.count for one in gaps),
        "gaps": [to_document(one) for one in gaps],
    }
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def to_document(gap: DataGap) -> dict[str, object]:
    """A gap as JSON values."""
    return {
        "need": gap.missing.need.value,
        "subject": gap.subject,
        "assessments": gap.count,
        "action": gap.remedy.action,
        "commands": list(gap.remedy.commands),
        "permissions": list(gap.remedy.permissions),
        "recommendations": [
            {"id": one.key, "name": one.title, "severity": one.severity.value, "assessments": one.count}
            for one in gap.recommendations
        ],
        "examples": list(gap.examples),
    }


def render_csv(gaps: Sequence[DataGap], _: int, out: TextIO) -> None:
    """Print a line a gap and recommendation."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        (
            "need",
            "subject",
            "severity",
            "recommendation",
            "id",
            "assessments",
            "action",
            "commands",
            "permissions",
        )
    )
    for gap in gaps:
        remedy_cells = (gap.remedy.action, "; ".join(gap.remedy.commands), "; ".join(gap.remedy.permissions))
        for one in gap.recommendations:
            row = (
                gap.missing.need.value,
                gap.subject,
                one.severity.value,
                one.title,
                one.key,
                one.count,
                *remedy_cells,
            )
            writer.writerow([escape_cell(value) for value in row])


RENDERERS: dict[str, Callable[[Sequence[DataGap], int, TextIO], None]] = {
    "table": render,
    "json": render_json,
    "csv": render_csv,
}
