"""Standards, their controls and the shares of who answers for them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

import msgspec
from rich.table import Table
from rich.text import Text

from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.terminal.sanitize_output import format_count
from nephoscope.posture.reports.compliance import (
    ComplianceRequirement,
    ControlCompliance,
    Responsibility,
    Standard,
    StandardState,
)

_STYLE = {StandardState.PASSED: "green", StandardState.FAILED: "bold red", StandardState.UNKNOWN: "yellow"}
_SHOWN = (
    StandardState.FAILED,
    StandardState.UNKNOWN,
    StandardState.PASSED,
    StandardState.NOT_APPLICABLE,
    StandardState.UNAVAILABLE,
)


def render(standards: Sequence[Standard], out: TextIO) -> None:
    """Print a line a standard; for a single one its controls too."""
    console = create_console(out)
    table = Table(title="\nStandards", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("standard", header_style="dim", overflow="fold")
    for name in (
        "passed",
        *(outcome.value for outcome in _SHOWN if outcome is not StandardState.PASSED),
        "compliance",
    ):
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    for item in standards:
        counts = [str(item.outcomes[outcome]) for outcome in _SHOWN if outcome is not StandardState.PASSED]
        share = f"{item.percentage:.1%}" if item.percentage is not None else "not assessed"
        table.add_row(Text(item.name), str(item.outcomes[StandardState.PASSED]), *counts, share)
    console.print(table)
    for item in standards:
        shares = ", ".join(
            f"{item.shares[share]} {share.value}" for share in Responsibility if item.shares[share]
        )
        console.print(
            Text(
                f"{item.name}: {format_count(len(item.requirements), 'policy', 'policies')}: {shares}",
                style="dim",
            )
        )
    if len(standards) == 1:
        console.print(_build_controls(standards[0]))


def _build_controls(standard: Standard) -> Table:
    table = Table(title="\nControls", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("control", header_style="dim", overflow="fold")
    table.add_column("outcome", header_style="dim", no_wrap=True)
    for name in ("failed", "unknown", "passed", "n/a", "manual"):
        table.add_column(name, justify="right", header_style="dim", no_wrap=True)
    for control in standard.controls:
        outcomes = [item.outcome for item in control.requirements]
        table.add_row(
            Text(
                control.name
                + (f"  {control.title}" if control.title and control.title != control.name else "")
            ),
            Text(control.outcome.value, style=_STYLE.get(control.outcome, "dim")),
            *(str(outcomes.count(outcome)) for outcome in _SHOWN[:4]),
            str(sum(item.share is Responsibility.MANUAL for item in control.requirements)),
        )
    return table


def render_json(standards: Sequence[Standard], out: TextIO) -> None:
    """Write the standards with their controls and policies as JSON."""
    body = [_build_standard(item) for item in standards]
    out.write(msgspec.json.format(msgspec.json.encode(body), indent=1).decode() + "\n")


def _build_standard(item: Standard) -> dict[str, object]:
    return {
        "id": item.id,
        "name": item.name,
        "percentage": item.percentage,
        "controls": {outcome.value: item.outcomes[outcome] for outcome in StandardState},
        "policies": {share.value: item.shares[share] for share in Responsibility},
        "details": [_build_control(control) for control in item.controls],
    }


def _build_control(control: ControlCompliance) -> dict[str, object]:
    return {
        "name": control.name,
        "title": control.title,
        "outcome": control.outcome,
        "policies": [
            {
                "reference": item.reference,
                "policy": item.key,
                "kind": item.kind,
                "outcome": item.outcome,
                "resources": {state.value: count for state, count in sorted(item.counts.items())},
            }
            for item in control.requirements
        ],
    }


def render_csv(standards: Sequence[Standard], out: TextIO) -> None:
    """Write one row for each control and policy."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("standard", "control", "controlOutcome", "reference", "policy", "kind", "outcome"))
    for standard, control, item in _list_rows(standards):
        values = (
            *(standard.name, control.name, control.outcome),
            *(item.reference, item.key, item.kind, item.outcome),
        )
        writer.writerow([escape_cell(value) for value in values])


def _list_rows(
    standards: Sequence[Standard],
) -> Iterator[tuple[Standard, ControlCompliance, ComplianceRequirement]]:
    for standard in standards:
        for control in standard.controls:
            for item in control.requirements:
                yield standard, control, item


RENDERERS: dict[str, Callable[[Sequence[Standard], TextIO], None]] = {
    "table": render,
    "json": render_json,
    "csv": render_csv,
}
