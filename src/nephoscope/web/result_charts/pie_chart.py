"""Pie charts, and bars in row order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nephoscope.web.result_charts.chart_page import MOST_BARS, MOST_SERIES, Bar, Plot
from nephoscope.web.result_charts.render_spec import Columns, RenderSpec
from nephoscope_kql.cell_formatting import format_cell

_RADIUS = 90


def draw_bars(columns: Columns, rows: Sequence[object], asked: RenderSpec) -> Plot:
    """A bar a number of each row, the longest as wide as there is room."""
    slices = [one for row in rows for one in _list_slices(columns, row, asked)]
    highest = max((abs(value) for _, _, value in slices), default=0.0)
    drawn = tuple(
        Bar(name or "–", number, abs(value) / highest if highest else 0.0)
        for name, number, value in slices[:MOST_BARS]
    )
    return Plot("bars", bars=drawn, left=max(0, len(slices) - MOST_BARS))


def _list_slices(columns: Columns, row: Any, asked: RenderSpec) -> list[tuple[str, str, float]]:
    """Return what each number of a row stands for, the number as it is written, and itself."""
    places = sorted({*asked.names, *([] if asked.across is None else [asked.across])})
    name = [format_cell(row[at], columns[at][1]) for at in places]
    several = len(asked.numbers) > 1
    return [
        (
            " · ".join([*name, columns[at][0]] if several else name),
            format_cell(row[at], columns[at][1]),
            float(row[at]),
        )
        for at in asked.numbers
        if row[at] is not None and math.isfinite(row[at])
    ]


def draw_pie(columns: Columns, rows: Sequence[object], asked: RenderSpec) -> Plot:
    """The largest slices first, the others as one; what is not more than nothing has no slice."""
    pie_slices = [one for row in rows for one in _list_slices(columns, row, asked) if one[2] > 0]
    pie_slices.sort(key=lambda one: -one[2])
    whole = sum(value for _, _, value in pie_slices)
    largest, others = pie_slices[: MOST_SERIES - 1], pie_slices[MOST_SERIES - 1 :]
    if len(others) > 1:
        rest = sum(value for _, _, value in others)
        largest.append((f"{len(others)} others", f"{rest:.15g}", rest))
    else:
        largest += others
    slices, at = [], 0.0
    for name, number, value in largest:
        share = value / whole
        slices.append(Bar(name or "–", number, share, _draw_slice(at, at + share)))
        at += share
    return Plot("pie", bars=tuple(slices))


def _draw_slice(start: float, end: float) -> str:
    """The outline of a slice from and to a share of the way around, clockwise from the top; a whole pie is two halves."""
    if end - start > 0.999_999:
        return f"{_draw_slice(start, start + 0.5)} {_draw_slice(start + 0.5, start + 0.999_999)}"
    (x1, y1), (x2, y2) = (
        (100 + _RADIUS * math.sin(2 * math.pi * at), 100 - _RADIUS * math.cos(2 * math.pi * at))
        for at in (start, end)
    )
    return f"M100 100 L{x1:.2f} {y1:.2f} A{_RADIUS} {_RADIUS} 0 {int(end - start > 0.5)} 1 {x2:.2f} {y2:.2f}Z"
