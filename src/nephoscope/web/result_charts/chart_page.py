"""Chart page: the drawn chart of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, MOST_POINTS, MOST_SERIES, MOST_BARS = 960, 220, 2000, 6, 30
Points = Mapping[str, Mapping[float, float]]
"""Series by name: where across -> the number there."""


@dataclass(frozen=True, slots=True)
class AxisLabel:
    """Words beside an axis; `at` is the moment that they tell, in ISO 8601 ('' = none)."""

    text: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class ChartMark:
    """A column of a series: its outline, and what it stands for."""

    path: str
    tooltip: str


@dataclass(frozen=True, slots=True)
class ChartSeries:
    """A line, dots or columns: its name, the corners of its path, the outline of the area under it ('' = none is drawn)."""

    name: str
    path: str = ""
    area: str = ""
    marks: tuple[ChartMark, ...] = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, or a slice of a pie: what it stands for, its number, its share of 0 to 1 of the longest or of all, a slice's outline."""

    name: str
    number: str
    share: float
    path: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of a `kind`: line, area, dots, columns, bars or pie.

    `low` and `high` bound its numbers, `first` and `last` what goes across.
    `points` are those of lines and areas over time for a script: seconds since 1970, then a list of numbers (null = none) a series.
    `labels` stand under columns, each under an equal part; `zero` is how far down nought is of HEIGHT, None where it is an edge.
    `undrawn`: the requested properties that are not drawn, each as a sentence.
    """

    kind: str = "line"
    series: tuple[ChartSeries, ...] = ()
    bars: tuple[Bar, ...] = ()
    low: str = ""
    middle: str = ""
    high: str = ""
    first: AxisLabel = AxisLabel("")
    last: AxisLabel = AxisLabel("")
    labels: tuple[AxisLabel, ...] = ()
    timed: bool = False
    zero: float | None = None
    left: int = 0
    points: str = ""
    stacked: bool = False
    title: str = ""
    across: str = ""
    upright: str = ""
    legend: bool = True
    undrawn: tuple[str, ...] = ()


def compute_axis_bounds(
    values: Sequence[float], low: float | None = None, high: float | None = None
) -> tuple[float, float]:
    """From where to where an axis goes that holds the values and nought, or what was asked for; never empty."""
    least = min([0.0, *values]) if low is None else low
    most = max([0.0, *values]) if high is None else high
    return (least, most) if most > least else (least, least + 1.0)
