"""The terminal: a table a result, and its chart where the query asks for one that characters can draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.markup import escape
from rich.table import Table

from nephoscope.cli.outputs.table import console_of
from nephoscope.cli.results.drawing import drawn
from nephoscope.kql.cells import columns_of, rows_of, text

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope.kql import QueryResult


def render(results: Sequence[QueryResult], out: TextIO, limit: int) -> None:
    """Print the first `limit` rows of each result for a person; without a terminal it is plain text of 120 columns."""
    console = console_of(out)
    for place, result in enumerate(results):
        if place:
            console.print()
        if result.name:
            console.print(f"[bold]{escape(result.name)}[/bold]")
        _result(result, console, limit)


def _result(result: QueryResult, console: Console, limit: int) -> None:
    columns = columns_of(result.table)
    if not columns:
        console.print("[dim]no columns[/dim]")
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name, kind in columns:
        shown.add_column(
            escape(name), justify="right" if kind.numeric else "left", overflow="fold", no_wrap=False
        )
    for row in rows_of(result.table, limit):
        shown.add_row(*(escape(text(cell, kind)) for cell, (_, kind) in zip(row, columns, strict=True)))
    console.print(shown)
    count = result.table.num_rows
    if count > limit:
        console.print(f"[dim]{limit} of {count:,} rows: --rows {count}[/dim]")
    else:
        console.print(f"[dim]{count:,} row{'' if count == 1 else 's'}[/dim]")
    if result.hint.chart and result.hint.chart != "table":
        console.print()
        for line in drawn(result, console.width):
            console.print(escape(line), no_wrap=True, overflow="crop", highlight=False)
