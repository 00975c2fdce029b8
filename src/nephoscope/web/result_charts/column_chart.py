"""Column chart over times, numbers or names: grouped or stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import floor, log10

from nephoscope.web.result_charts.chart_page import (
    HEIGHT,
    WIDTH,
    ChartMark,
    ChartSeries,
    Plot,
    compute_axis_bounds,
)
from nephoscope.web.result_charts.chart_series import PlottedSeries, compute_stacked_ranges, make_points
from nephoscope.web.result_charts.column_positions import FEW, Slots, compute_slots
from nephoscope.web.result_charts.render_spec import Columns, RenderSpec
from nephoscope_kql.types import KqlType

Spans = Mapping[str, Mapping[float, tuple[float, float]]]
#: What an axis ends at, of the power of ten that it has.
_ROUND = (1.0, 1.2, 1.6, 2.0, 2.4, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
#: The part of a place that its columns take.
_FILLED = 0.84
#: What a column of a place is at least wide, of WIDTH.
_THIN = 1.5


def draw_columns(columns: Columns, rows: Sequence[object], asked: RenderSpec, across: int) -> Plot:
    """The columns; a place where a series has no number has none of it."""
    found = make_points(columns, rows, asked, across)
    if not found.series:
        return Plot("columns", left=found.left)
    kind = columns[across][1]
    places = sorted({at for several in found.series.values() for at, _ in several})
    where = compute_slots(places, found.labels, kind)
    spans = _build_spans(found, asked.stacked)
    low, high = _compute_value_range(spans, asked)
    unit = "%" if asked.stacked == "stacked100" else ""
    below, middle, above = (f"{value:,.6g}{unit}" for value in (low, (low + high) / 2, high))
    return Plot(
        "columns", _list_series(spans, found, where, (low, high), bool(asked.stacked)), low=below, middle=middle, high=above,
        labels=where.labels, timed=kind is KqlType.DATETIME, zero=_compute_offset_from_top(0.0, low, high) if low < 0 < high else None,
        left=found.left, stacked=bool(asked.stacked),
    )  # fmt: skip


def _build_spans(found: PlottedSeries, stacked: str) -> Spans:
    """From where to where the column of each number goes."""
    if stacked:
        return compute_stacked_ranges(found.numbers, stacked == "stacked100")
    return {
        name: {at: (0.0, value) for at, value in several.items()} for name, several in found.numbers.items()
    }


def _compute_value_range(spans: Spans, asked: RenderSpec) -> tuple[float, float]:
    low, high = compute_axis_bounds([end for several in spans.values() for _, end in several.values()])
    if asked.stacked == "stacked100":
        low, high = (-100.0 if low < 0 else 0.0), (100.0 if high > 0 else 0.0)
    return compute_axis_bounds([_round_up_scale(low), _round_up_scale(high)], asked.low, asked.high)


def _round_up_scale(value: float) -> float:
    """The next number away from nought that reads well."""
    if value == 0:
        return 0.0
    power = 10.0 ** floor(log10(abs(value)))
    far = next((one for one in _ROUND if one * power >= abs(value)), 10.0) * power
    return far if value > 0 else -far


def _list_series(
    spans: Spans, found: PlottedSeries, where: Slots, reach: tuple[float, float], stacked: bool
) -> tuple[ChartSeries, ...]:
    room = max(min(where.wide, WIDTH / FEW) * _FILLED, _THIN)
    wide = room if stacked else room / len(spans)
    made: list[ChartSeries] = []
    for number, (name, several) in enumerate(spans.items()):
        own, right = found.numbers[name], 0.0 if stacked else wide * number
        marks = tuple(
            ChartMark(
                _format_outline(max(0.0, where.middle[at] - room / 2) + right, wide, span, reach),
                f"{found.labels[at]} · {name}: {own[at]:,.6g}",
            )
            for at, span in several.items()
            if span[0] != span[1]
        )
        made.append(ChartSeries(name, marks=marks))
    return tuple(made)


def _format_outline(left: float, wide: float, span: tuple[float, float], reach: tuple[float, float]) -> str:
    top, bottom = sorted(_compute_offset_from_top(value, *reach) for value in span)
    return f"M{left:.2f} {top:.2f}h{wide:.2f}V{bottom:.2f}h{-wide:.2f}Z"


def _compute_offset_from_top(value: float, low: float, high: float) -> float:
    """Return how far down a number is; what lies beyond the axis is at its end."""
    return HEIGHT - HEIGHT * (min(max(value, low), high) - low) / (high - low)
