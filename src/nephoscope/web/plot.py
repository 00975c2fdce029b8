"""A chart of a result: lines over time, or bars by a name, as the query's render asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.kql.cells import columns_of, rows_of, text
from nephoscope.kql.types import TICKS_PER_SECOND, KqlType

if TYPE_CHECKING:
    from nephoscope.kql.run import QueryResult

WIDTH, HEIGHT, MOST_POINTS, MOST_SERIES, MOST_BARS = 960, 220, 2000, 6, 30
#: 1970 in ticks of 100 ns since the year 1.
EPOCH = 621_355_968_000_000_000
_NUMBERS = frozenset({KqlType.LONG, KqlType.INT, KqlType.REAL, KqlType.DECIMAL})
_OVER_TIME = frozenset({"timechart", "linechart", "areachart", "stackedareachart"})


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name and the corners of its path."""

    name: str
    path: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar: what it stands for, its number, and its length of 0 to 1."""

    name: str
    number: str
    share: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart; `low` and `high` bound its numbers, `first` and `last` its times.

    `points` are those of the series for a script: seconds since 1970, then a list of numbers (null = none) a series.
    """

    series: tuple[Series, ...] = ()
    bars: tuple[Bar, ...] = ()
    low: str = ""
    high: str = ""
    first: str = ""
    last: str = ""
    left: int = 0
    points: str = ""


def plotted(result: QueryResult) -> Plot | None:
    """The chart that render asks for; None where it asks for none, or the result has no numbers."""
    chart = result.hint.chart
    if not chart or chart in ("table", "card"):
        return None
    columns = columns_of(result.table)
    numbers = [at for at, (_, kind) in enumerate(columns) if kind in _NUMBERS]
    if not numbers:
        return None
    rows = list(rows_of(result.table, MOST_POINTS))
    times = [at for at, (_, kind) in enumerate(columns) if kind is KqlType.DATETIME]
    left = result.table.num_rows - len(rows)
    if chart in _OVER_TIME and times:
        return _lines(columns, rows, times[0], numbers, left)
    return _bars(columns, rows, numbers[0], left)


def _lines(
    columns: Sequence[tuple[str, KqlType]], rows: Sequence[Any], time: int, numbers: Sequence[int], left: int
) -> Plot:
    names = [at for at in range(len(columns)) if at != time and at not in numbers]
    points: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row[time] is None:
            continue
        split = ", ".join(text(row[at], columns[at][1]) for at in names)
        for number in numbers:
            if row[number] is not None:
                name = (
                    split
                    if split and len(numbers) == 1
                    else " ".join(one for one in (split, columns[number][0]) if one)
                )
                points.setdefault(name, []).append((row[time], float(row[number])))
    kept = dict(sorted(points.items(), key=lambda one: -sum(value for _, value in one[1]))[:MOST_SERIES])
    every = [one for several in kept.values() for one in several]
    if not every:
        return Plot()
    start, end = min(at for at, _ in every), max(at for at, _ in every)
    low, high = min(0.0, *(value for _, value in every)), max(value for _, value in every)
    series = tuple(
        Series(name, _path(sorted(several), start, end, low, high)) for name, several in kept.items()
    )
    moment = KqlType.DATETIME
    return Plot(
        series,
        (),
        f"{low:,.6g}",
        f"{high:,.6g}",
        text(start, moment),
        text(end, moment),
        left + len(points) - len(kept),
        _points(kept),
    )


def _points(kept: Mapping[str, Sequence[tuple[int, float]]]) -> str:
    """The series over all times of any of them, as JSON."""
    times = sorted({at for several in kept.values() for at, _ in several})
    values = [[found.get(at) for at in times] for found in map(dict, kept.values())]
    seconds = [(at - EPOCH) / TICKS_PER_SECOND for at in times]
    return msgspec.json.encode({"names": list(kept), "data": [seconds, *values]}).decode()


def _path(points: Sequence[tuple[int, float]], start: int, end: int, low: float, high: float) -> str:
    wide, tall = (end - start) or 1, (high - low) or 1.0
    corners = [
        f"{WIDTH * (at - start) / wide:.1f} {HEIGHT - HEIGHT * (value - low) / tall:.1f}"
        for at, value in points
    ]
    return "M" + " L".join(corners)


def _bars(columns: Sequence[tuple[str, KqlType]], rows: Sequence[Any], number: int, left: int) -> Plot:
    names = [at for at in range(len(columns)) if at != number]
    told = [
        (" · ".join(text(row[at], columns[at][1]) for at in names), row[number])
        for row in rows
        if row[number] is not None
    ]
    highest = max((abs(float(value)) for _, value in told), default=0.0)
    bars = tuple(
        Bar(name or "–", text(value, columns[number][1]), abs(float(value)) / highest if highest else 0.0)
        for name, value in told[:MOST_BARS]
    )
    return Plot((), bars, left=left + max(0, len(told) - MOST_BARS))
