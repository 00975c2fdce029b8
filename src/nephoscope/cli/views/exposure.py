"""Internet exposure: a line an opening."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from typing import TextIO

import msgspec
from rich.markup import escape
from rich.table import Table

from nephoscope.cli.outputs.csv import escape_cell
from nephoscope.cli.terminal.console import create_console
from nephoscope.posture.exposure.exposure_rows import OPEN, UNKNOWN, ExposureRow, rank_exposure_row

SCHEMA_VERSION = 1
HEADER = ("Exposure", "Resource", "Protocol", "Ports", "Sources", "Path", "Rules", "Why")
_STYLES = {OPEN: "bold red", UNKNOWN: "yellow"}

__all__ = ["RENDERERS", "rank_exposure_row"]


def render(rows: Sequence[ExposureRow], out: TextIO) -> None:
    """Print the openings as a table."""
    console = create_console(out)
    if not rows:
        console.print("Nothing is reachable from the Internet.")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("Exposure", "Resource", "Ports", "Sources", "Path", "Rule or reason"):
        table.add_column(name, overflow="fold")
    for row in rows:
        ports = f"{row.protocol} {row.ports}".strip()
        reason = row.rule_names or row.why
        texts = (row.name, ports, row.sources, row.path, reason)
        style = _STYLES.get(row.state, "")
        state = f"[{style}]{row.state}[/{style}]" if style else row.state
        table.add_row(state, *map(escape, texts))
    console.print(table)


def render_json(rows: Sequence[ExposureRow], out: TextIO) -> None:
    """Print the rows as JSON."""
    document = {"schemaVersion": SCHEMA_VERSION, "exposures": list(rows)}
    out.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def render_csv(rows: Sequence[ExposureRow], out: TextIO) -> None:
    """Print a line a row."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow([escape_cell(value) for value in build_exposure_cells(row)])


def build_exposure_cells(row: ExposureRow) -> tuple[str, ...]:
    """The cells of a row in a file."""
    rules = " ".join(row.rules)
    return row.state, row.resource, row.protocol, row.ports, row.sources, row.path, rules, row.why


RENDERERS: dict[str, Callable[[Sequence[ExposureRow], TextIO], None]] = {
    "table": render,
    "json": render_json,
    "csv": render_csv,
}
