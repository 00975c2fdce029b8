"""A chart in the terminal: what `render` asks for, or what the columns are good for where the query does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TextIO

from rich.markup import escape

from nephoscope.cli.results.text_charts import draw_chart
from nephoscope.cli.terminal.console import create_console
from nephoscope_kql.cell_formatting import list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql import QueryResult

HEIGHT = 12


def render(results: Sequence[QueryResult], out: TextIO, _limit: int) -> None:
    """Draw each result as high as a window is comfortable with; a line says why where one cannot be drawn."""
    console = create_console(out)
    for place, result in enumerate(results):
        if place:
            console.print()
        title = result.hint.properties.get("title", "") or result.name
        if title:
            console.print(f"[bold]{escape(title)}[/bold]")
        for line in draw_chart(_add_chart(result), console.width, HEIGHT):
            console.print(escape(line), no_wrap=True, overflow="crop", highlight=False)


def _add_chart(result: QueryResult) -> QueryResult:
    """The result with a chart: by time where there is a time, else a bar a row."""
    if result.hint.chart not in ("", "table"):
        return result
    timed = any(kind == KqlType.DATETIME for _, kind in list_typed_columns(result.table))
    return replace(result, hint=replace(result.hint, chart="timechart" if timed else "barchart"))
