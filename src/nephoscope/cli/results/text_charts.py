"""Draw charts of the render operator in text: bars, and lines over time."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len, set_cell_size

from nephoscope.cli.terminal.sanitize_output import escape_controls
from nephoscope_kql.cell_formatting import format_cell, iterate_rows, list_typed_columns
from nephoscope_kql.types import KqlType

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope_kql import QueryResult

BARS = ("barchart", "columnchart", "piechart", "card", "treemap")
LINES = ("timechart", "linechart", "areachart", "stackedareachart", "scatterchart", "anomalychart")
_LEVELS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉"
MAX_BARS, MAX_LABEL, MAX_SERIES = 50, 40, 20
Row = tuple[Any, ...]


def draw_chart(result: QueryResult, width: int, height: int = 1) -> list[str]:
    """The lines of a chart, a series over time in `height` of them; one line that says why where it cannot be drawn."""
    chart = result.hint.chart
    columns = list_typed_columns(result.table)
    numbers = [place for place, (_, kind) in enumerate(columns) if kind.is_numeric]
    if chart in BARS and len(numbers) == len(columns) > 1:
        # the first column is what the bars are of, a number as it may be: of EventID, of ResultType
        numbers = numbers[1:]
    labels = [place for place in range(len(columns)) if place not in numbers]
    if not result.table.num_rows:
        return [f"(render {chart}: no rows)"]
    if chart in BARS and numbers and labels and result.table.num_rows <= MAX_BARS:
        return _draw_bars(
            list(iterate_rows(result.table)), columns[labels[0]][1], labels[0], numbers[0], width
        )
    if chart in LINES:
        lines = _draw_lines(list(iterate_rows(result.table)), columns, numbers, width, height)
        if lines:
            return lines
    return [f"(render {chart} is not supported in a terminal)"]


def _draw_bars(rows: list[Row], kind: KqlType, label: int, number: int, width: int) -> list[str]:
    """A bar a row, as long as its number is of the greatest."""
    names = [escape_controls(format_cell(row[label], kind)) for row in rows]
    # what is no number or has no end has no length: its word stands beside
    values = [float(row[number] or 0) if isfinite(row[number] or 0) else 0.0 for row in rows]
    widest = _measure_longest_width(names)
    figures = [_format_figure(row[number]) for row in rows]
    room = max(10, width - widest - max(map(len, figures)) - 4)
    most = max(*values, 0.0) or 1.0
    return [
        f"{set_cell_size(name, widest)}  {_draw_bar(max(value, 0.0) / most, room)} {figure}"
        for name, value, figure in zip(names, values, figures, strict=True)
    ]


def _measure_longest_width(names: Iterable[str]) -> int:
    """The cells of a terminal that the longest of the names takes, at most MAX_LABEL."""
    return min(MAX_LABEL, max(cell_len(escape_controls(name)) for name in names))


def _draw_bar(share: float, room: int) -> str:
    eighths = round(share * room * 8)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_PARTS[part] if part else "")


def _format_figure(value: object) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _draw_lines(
    rows: list[Row], columns: list[tuple[str, KqlType]], numbers: list[int], width: int, height: int
) -> list[str]:
    """A line of levels a series, or a plot; empty where there is no time, no number, or there are too many series."""
    series = _group_by_series(rows, columns, numbers)
    times = sorted({time for points in series.values() for time in points})
    if not times or len(series) > MAX_SERIES:
        return []
    most = max((value for points in series.values() for value in points.values()), default=0.0)
    draw = _draw_flat_lines if height == 1 else _plot_series
    return draw(series, times, most, width, height)


def _group_by_series(
    rows: list[Row], columns: list[tuple[str, KqlType]], numbers: list[int]
) -> dict[str, dict[int, float]]:
    """Time -> value: a series a number column, or a value of the text column."""
    axis = next((place for place, (_, kind) in enumerate(columns) if kind == KqlType.DATETIME), None)
    split = next((place for place, (_, kind) in enumerate(columns) if kind == KqlType.STRING), None)
    series: dict[str, dict[int, float]] = {}
    if axis is None:
        return series
    for row in rows:
        for number in numbers:
            name = columns[number][0] if split is None else str(row[split])
            if row[axis] is not None and row[number] is not None and isfinite(row[number]):
                series.setdefault(name, {})[row[axis]] = float(row[number])
    return series


def _draw_flat_lines(
    series: dict[str, dict[int, float]], times: list[int], most: float, width: int, _height: int
) -> list[str]:
    """One line a series: its levels, and its greatest value."""
    widest = _measure_longest_width(series)
    room = max(10, width - widest - 20)
    lines = [
        f"{set_cell_size(escape_controls(name), widest)}  {_draw_levels(points, times, most, room)} "
        + _format_figure(max(points.values()))
        for name, points in series.items()
    ]
    return [*lines, f"{'':<{widest}}  {_format_span(times)}, the greatest at the end of its line"]


def _plot_series(
    series: dict[str, dict[int, float]], times: list[int], most: float, width: int, height: int
) -> list[str]:
    """A plot a series, all to one scale: columns of eighths, the value of the top and of the bottom beside them."""
    top = _format_figure(most)
    room = max(10, width - len(top) - 2)
    lines: list[str] = []
    for name, points in series.items():
        lines += (
            [
                f"{'':>{len(top)}}  {set_cell_size(escape_controls(name), _measure_longest_width([name])).rstrip()}"
            ]
            if len(series) > 1
            else []
        )
        shares = [
            0.0 if value is None else max(value, 0.0) / (most or 1.0)
            for value in _spread_over_columns(points, times, room)
        ]
        for row in range(height - 1, -1, -1):
            mark = top if row == height - 1 else "0" if row == 0 else ""
            lines.append(
                f"{mark:>{len(top)}} ▏"
                + "".join(_choose_eighth_block(share * height - row) for share in shares)
            )
    return [*lines, f"{'':>{len(top)}}  {_format_span(times)}"]


def _choose_eighth_block(filled: float) -> str:
    """A cell of a column that is filled so far: 1 or more is whole."""
    level = min(8, max(0, round(filled * 8)))
    return _LEVELS[level - 1] if level else " "


def _format_span(times: list[int]) -> str:
    first, last = (format_cell(moment, KqlType.DATETIME) for moment in (times[0], times[-1]))
    return f"{first} .. {last}"


def _spread_over_columns(points: dict[int, float], times: list[int], room: int) -> list[float | None]:
    """A value a time, or a span of times where there are more than room for: the greatest of the span, None where it has none."""
    step = -(-len(times) // room)
    found: list[float | None] = []
    for begin in range(0, len(times), step):
        values = [points[time] for time in times[begin : begin + step] if time in points]
        found.append(max(values) if values else None)
    # few times are drawn wide
    wide = max(1, room // len(found))
    return [value for value in found for _ in range(wide)] if wide > 1 else found


def _draw_levels(points: dict[int, float], times: list[int], most: float, room: int) -> str:
    """One character a time, or a span of times where there are more than room for."""
    found = ""
    for value in _spread_over_columns(points, times, min(room, len(times))):
        share = 0.0 if value is None or most <= 0 else max(value, 0.0) / most
        found += " " if value is None else _LEVELS[min(len(_LEVELS) - 1, int(share * len(_LEVELS)))]
    return found
