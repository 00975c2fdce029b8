"""The terminal: a table a result, and its chart where the query asks for one that characters can draw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from rich.cells import cell_len
from rich.markup import escape
from rich.table import Table

from nephoscope.cli.results.text_charts import draw_chart
from nephoscope.cli.terminal.console import create_console
from nephoscope.cli.terminal.sanitize_output import escape_controls
from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns

if TYPE_CHECKING:
    from rich.console import Console

    from nephoscope_kql import QueryResult

LEAST = 10
"""Characters that a column has at least: where columns would have less, rows are shown value by value."""
_GAP = 1


def render(results: Sequence[QueryResult], out: TextIO, limit: int) -> None:
    """Print the first `limit` rows of each result for a person; without a terminal it is plain text of 120 columns."""
    console = create_console(out)
    for place, result in enumerate(results):
        if place:
            console.print()
        if result.name:
            console.print(f"[bold]{escape(result.name)}[/bold]")
        _print_result(result, console, limit)


def _print_result(result: QueryResult, console: Console, limit: int) -> None:
    columns = list_typed_columns(result.table)
    if not columns:
        console.print("[dim]no columns[/dim]")
        return
    names = [escape_controls(name) for name, _ in columns]
    rows = [
        [escape_controls(format_cell(cell, kind)) for cell, (_, kind) in zip(row, columns, strict=True)]
        for row in iterate_rows(result.table, limit)
    ]
    if _fits_width(names, rows, console.width):
        _print_across(names, [kind.is_numeric for _, kind in columns], rows, console)
    else:
        _print_vertical(names, rows, console)
    count = result.table.num_rows
    if count > limit:
        console.print(f"[dim]{limit} of {count:,} rows: --rows {count}[/dim]")
    else:
        console.print(f"[dim]{count:,} row{'' if count == 1 else 's'}[/dim]")
    if result.hint.chart and result.hint.chart != "table":
        console.print()
        for line in draw_chart(result, console.width):
            console.print(escape(line), no_wrap=True, overflow="crop", highlight=False)


def _fits_width(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> bool:
    """Return whether every column has room for what is in it, or for LEAST characters of it where there are rows."""
    widest = [max(map(cell_len, (name, *cells))) for name, *cells in zip(names, *rows, strict=True)]
    return sum(min(one, LEAST) if rows else one for one in widest) + _GAP * (len(names) - 1) <= width


def _print_across(
    names: Sequence[str], numeric: Sequence[bool], rows: Sequence[Sequence[str]], console: Console
) -> None:
    """A line a row."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name, right in zip(names, numeric, strict=True):
        shown.add_column(escape(name), justify="right" if right else "left", overflow="fold", no_wrap=False)
    for row in rows:
        shown.add_row(*map(escape, row))
    console.print(shown)


def _print_vertical(names: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> None:
    """A line a value, without those that are empty: rows of more columns than fit beside each other; without rows the names alone."""
    if not rows:
        console.print(f"[dim]columns: {escape(', '.join(names))}[/dim]", highlight=False)
    for number, row in enumerate(rows, 1):
        console.print(f"[bold]row {number}[/bold]")
        shown = Table(box=None, pad_edge=False, show_header=False)
        shown.add_column(style="bold", no_wrap=True)
        shown.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            if cell:
                shown.add_row(f"  {escape(name)}", escape(cell))
        console.print(shown)
