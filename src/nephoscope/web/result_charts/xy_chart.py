"""XY chart: lines, areas and points over time, numbers or names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from nephoscope.web.rendering.control_characters import escape_controls
from nephoscope.web.result_charts.chart_page import (
    HEIGHT,
    WIDTH,
    AxisLabel,
    ChartSeries,
    Plot,
    compute_axis_bounds,
)
from nephoscope.web.result_charts.chart_series import (
    Pairs,
    PlottedSeries,
    compute_stacked_ranges,
    make_points,
)
from nephoscope.web.result_charts.render_spec import ACROSS, Columns, RenderSpec
from nephoscope_kql.types import TICKS_PER_SECOND, KqlType

#: 1970 in ticks of 100 ns since the year 1.
EPOCH = 621_355_968_000_000_000
Corners = Sequence[tuple[float, float]]


def draw_xy(columns: Columns, rows: Sequence[object], asked: RenderSpec, across: int) -> Plot:
    """The chart; stacked areas lie on one another, with nought where a series has no number."""
    kind = ACROSS[asked.chart]
    found = make_points(columns, rows, asked, across)
    if not found.series:
        return Plot(kind, left=found.left)
    timed = columns[across][1] is KqlType.DATETIME
    places = sorted(found.labels)
    first, last = (
        AxisLabel(found.labels[at], found.labels[at] if timed else "") for at in (places[0], places[-1])
    )
    series, low, high = (
        _stack_series(found, asked) if asked.stacked else _draw_unstacked_series(found.series, kind, asked)
    )
    scripted = timed and kind != "dots" and not asked.stacked
    return Plot(
        kind, series, low=f"{low:,.6g}", high=f"{high:,.6g}{'%' if asked.stacked == 'stacked100' else ''}",
        first=first, last=last, left=found.left, stacked=bool(asked.stacked),
        points=_encode_points(found, kind, asked) if scripted else "",
    )  # fmt: skip


def _draw_unstacked_series(
    series: Pairs, kind: str, asked: RenderSpec
) -> tuple[tuple[ChartSeries, ...], float, float]:
    every = [one for several in series.values() for one in several]
    low, high = compute_axis_bounds([value for _, value in every], asked.low, asked.high)
    start, end = min(at for at, _ in every), max(at for at, _ in every)
    zero = _compute_offset_from_top(min(max(0.0, low), high), low, high)
    drawn = tuple(
        _build_series(
            name,
            [
                (_compute_offset_from_left(at, start, end), _compute_offset_from_top(value, low, high))
                for at, value in several
            ],
            kind,
            zero,
        )
        for name, several in series.items()
    )
    return drawn, low, high


def _stack_series(found: PlottedSeries, asked: RenderSpec) -> tuple[tuple[ChartSeries, ...], float, float]:
    made = compute_stacked_ranges(found.numbers, asked.stacked == "stacked100")
    ends = [end for several in made.values() for _, end in several.values()]
    low, high = compute_axis_bounds(ends, asked.low, asked.high)
    places = sorted(next(iter(made.values())))
    drawn = tuple(_build_layer(name, several, places, (low, high)) for name, several in made.items())
    return drawn, low, high


def _build_layer(
    name: str,
    several: Mapping[float, tuple[float, float]],
    places: Sequence[float],
    reach: tuple[float, float],
) -> ChartSeries:
    """An area from where the ones under it end to where it ends."""
    right = [_compute_offset_from_left(at, places[0], places[-1]) for at in places]
    below, above = ([_compute_offset_from_top(several[at][side], *reach) for at in places] for side in (0, 1))
    path = _format_path(list(zip(right, above, strict=True)))
    back = " ".join(f"L{x:.1f} {y:.1f}" for x, y in reversed(list(zip(right, below, strict=True))))
    return ChartSeries(name, path, f"{path} {back}Z")


def _compute_offset_from_left(at: float, start: float, end: float) -> float:
    return WIDTH * (at - start) / ((end - start) or 1)


def _compute_offset_from_top(value: float, low: float, high: float) -> float:
    return HEIGHT - HEIGHT * (value - low) / (high - low)


def _format_path(corners: Corners) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in corners)


def _build_series(name: str, corners: Corners, kind: str, zero: float) -> ChartSeries:
    if kind == "dots":
        return ChartSeries(name, " ".join(f"M{x:.1f} {y:.1f}h0" for x, y in corners))
    path = _format_path(corners)
    if kind == "line":
        return ChartSeries(name, path)
    return ChartSeries(
        name, path, f"{path} L{corners[-1][0]:.1f} {zero:.1f} L{corners[0][0]:.1f} {zero:.1f}Z"
    )


def _encode_points(found: PlottedSeries, kind: str, asked: RenderSpec) -> str:
    """The series over all times of any of them, as JSON."""
    by_time = [dict(several) for several in found.series.values()]
    times = sorted({at for several in by_time for at in several})
    seconds = [(at - EPOCH) / TICKS_PER_SECOND for at in times]
    return msgspec.json.encode(
        {
            "kind": kind, "names": [escape_controls(name) for name in found.series], "legend": asked.legend,
            "low": asked.low, "high": asked.high,
            "data": [seconds, *([several.get(at) for at in times] for several in by_time)],
        }
    ).decode()  # fmt: skip
