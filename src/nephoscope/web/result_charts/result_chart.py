"""Result chart of the kind that `render` names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope.web.result_charts.chart_page import MOST_POINTS, Plot
from nephoscope.web.result_charts.column_chart import draw_columns
from nephoscope.web.result_charts.pie_chart import draw_bars, draw_pie
from nephoscope.web.result_charts.render_spec import ACROSS, Columns, read_hint
from nephoscope.web.result_charts.series_rows import spread_arrays
from nephoscope.web.result_charts.xy_chart import draw_xy
from nephoscope_kql.cell_formatting import iterate_rows, list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from nephoscope_kql.run import QueryResult


def plot_result(result: QueryResult) -> Plot | None:
    """The chart that render asks for; None where it asks for none, or the result has no numbers."""
    if not result.hint.chart:
        return None
    columns: Columns = list_typed_columns(result.table)
    rows: Sequence[object] = list(iterate_rows(result.table, MOST_POINTS))
    left_out = result.table.num_rows - len(rows)
    if any(kind is KqlType.DYNAMIC for _, kind in columns):
        columns, rows = spread_arrays(columns, rows, MOST_POINTS) or (columns, rows)
    wanted = read_hint(result.hint, columns)
    if wanted is None:
        return None
    if wanted.across is not None and wanted.chart in ACROSS:
        draw = draw_columns if ACROSS[wanted.chart] == "columns" else draw_xy
        plot = draw(columns, rows, wanted, wanted.across)
    else:
        plot = (draw_pie if wanted.chart == "piechart" else draw_bars)(columns, rows, wanted)
    return replace(
        plot, left=plot.left + left_out, title=wanted.title, across=wanted.xtitle,
        upright=wanted.ytitle, legend=wanted.legend, undrawn=wanted.undrawn,
    )  # fmt: skip
