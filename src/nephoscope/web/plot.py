"""A chart of a result, of the kind that the query's render asks for: lines, areas or dots over what goes across, bars, or a pie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.kql.cells import columns_of, rows_of, text
from nephoscope.kql.types import TICKS_PER_SECOND, KqlType
from nephoscope.web.controls import plain

if TYPE_CHECKING:
    from nephoscope.kql.run import QueryResult

WIDTH, HEIGHT, MOST_POINTS, MOST_SERIES, MOST_BARS = 960, 220, 2000, 6, 30
#: 1970 in ticks of 100 ns since the year 1.
EPOCH = 621_355_968_000_000_000
_NUMBERS = frozenset({KqlType.LONG, KqlType.INT, KqlType.REAL, KqlType.DECIMAL})
#: What is drawn over a time, a number or names -> how.
_ACROSS = {
    "timechart": "line",
    "linechart": "line",
    "areachart": "area",
    "stackedareachart": "area",
    "scatterchart": "dots",
}
_RADIUS = 90
Columns = Sequence[tuple[str, KqlType]]
Points = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or dots: its name, the corners of its path, and the outline of the area under it ('' = none is drawn)."""

    name: str
    path: str
    area: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, or a slice of a pie: what it stands for, its number, its share of 0 to 1 of the longest or of all, a slice's outline."""

    name: str
    number: str
    share: float
    path: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart of a `kind`: line, area, dots, bars or pie; `low` and `high` bound its numbers, `first` and `last` what goes across.

    `points` are those of lines and areas over time for a script: seconds since 1970, then a list of numbers (null = none) a series.
    """

    kind: str = "line"
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
    left = result.table.num_rows - len(rows)
    across = _across(columns, numbers) if chart in _ACROSS else None
    if across is not None:
        upright = [one for one in numbers if one != across]
        return _over(columns, rows, across, upright, _ACROSS[chart], left)
    if chart == "piechart":
        return _pie(columns, rows, numbers[0], left)
    return _bars(columns, rows, numbers[0], left)


def _across(columns: Columns, numbers: Sequence[int]) -> int | None:
    """The column that goes across: a time, the first of several numbers where it leads, or names; None where there is none."""
    times = [at for at, (_, kind) in enumerate(columns) if kind is KqlType.DATETIME]
    if times:
        return times[0]
    if numbers[0] == 0 and len(numbers) > 1:
        return 0
    return next((at for at in range(len(columns)) if at not in numbers), None)


def _over(
    columns: Columns, rows: Sequence[Any], across: int, numbers: Sequence[int], kind: str, left: int
) -> Plot:
    names = [at for at in range(len(columns)) if at != across and at not in numbers]
    places = _places(columns[across], [row[across] for row in rows])
    points: dict[str, list[tuple[float, float]]] = {}
    for row, place in zip(rows, places, strict=True):
        if place is None:
            continue
        split = ", ".join(text(row[at], columns[at][1]) for at in names)
        for number in numbers:
            if row[number] is not None:
                name = _named(split, columns[number][0], numbers)
                points.setdefault(name, []).append((place, float(row[number])))
    kept = dict(sorted(points.items(), key=lambda one: -sum(value for _, value in one[1]))[:MOST_SERIES])
    if not kept:
        return Plot(kind)
    told = [text(row[across], columns[across][1]) for row in rows]
    ends = sorted((place, name) for place, name in zip(places, told, strict=True) if place is not None)
    made = _drawn(kept, kind, left + len(points) - len(kept))
    timed = columns[across][1] is KqlType.DATETIME and kind != "dots"
    return replace(made, first=ends[0][1], last=ends[-1][1], points=_points(kept, kind) if timed else "")


def _named(split: str, column: str, numbers: Sequence[int]) -> str:
    """What a series is called: by the values that split the rows, with the column where there are several."""
    return split if split and len(numbers) == 1 else " ".join(one for one in (split, column) if one)


def _places(column: tuple[str, KqlType], values: Sequence[Any]) -> list[float | None]:
    """Where values stand across: a time or a number where it is, names side by side in their order; None for null."""
    if column[1] is KqlType.DATETIME or column[1] in _NUMBERS:
        return [None if one is None else float(one) for one in values]
    order: dict[str, int] = {}
    return [
        None if one is None else float(order.setdefault(text(one, column[1]), len(order))) for one in values
    ]


def _drawn(kept: Points, kind: str, left: int) -> Plot:
    every = [one for several in kept.values() for one in several]
    start, end = min(at for at, _ in every), max(at for at, _ in every)
    low, high = min(0.0, *(value for _, value in every)), max(value for _, value in every)

    def corners(several: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
        wide, tall = (end - start) or 1, (high - low) or 1.0
        return [
            (WIDTH * (at - start) / wide, HEIGHT - HEIGHT * (value - low) / tall) for at, value in several
        ]

    zero = HEIGHT + HEIGHT * low / ((high - low) or 1.0)
    series = tuple(_series(name, corners(sorted(several)), kind, zero) for name, several in kept.items())
    return Plot(kind, series, low=f"{low:,.6g}", high=f"{high:,.6g}", left=left)


def _series(name: str, corners: Sequence[tuple[float, float]], kind: str, zero: float) -> Series:
    if kind == "dots":
        return Series(name, " ".join(f"M{x:.1f} {y:.1f}h0" for x, y in corners))
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    area = (
        f"{path} L{corners[-1][0]:.1f} {zero:.1f} L{corners[0][0]:.1f} {zero:.1f}Z" if kind == "area" else ""
    )
    return Series(name, path, area)


def _points(kept: Points, kind: str) -> str:
    """The series over all times of any of them, as JSON."""
    times = sorted({at for several in kept.values() for at, _ in several})
    values = [[found.get(at) for at in times] for found in map(dict, kept.values())]
    seconds = [(at - EPOCH) / TICKS_PER_SECOND for at in times]
    return msgspec.json.encode(
        {"kind": kind, "names": [plain(name) for name in kept], "data": [seconds, *values]}
    ).decode()


def _numbered(columns: Columns, rows: Sequence[Any], number: int) -> list[tuple[str, Any]]:
    names = [at for at in range(len(columns)) if at != number]
    return [
        (" · ".join(text(row[at], columns[at][1]) for at in names), row[number])
        for row in rows
        if row[number] is not None
    ]


def _bars(columns: Columns, rows: Sequence[Any], number: int, left: int) -> Plot:
    told = _numbered(columns, rows, number)
    highest = max((abs(float(value)) for _, value in told), default=0.0)
    bars = tuple(
        Bar(name or "–", text(value, columns[number][1]), abs(float(value)) / highest if highest else 0.0)
        for name, value in told[:MOST_BARS]
    )
    return Plot("bars", bars=bars, left=left + max(0, len(told) - MOST_BARS))


def _pie(columns: Columns, rows: Sequence[Any], number: int, left: int) -> Plot:
    """The largest slices first, the others as one; what is not more than nothing has no slice."""
    told = [(name or "–", value) for name, value in _numbered(columns, rows, number) if value > 0]
    told.sort(key=lambda one: -one[1])
    whole = sum(float(value) for _, value in told)
    largest, others = told[: MOST_SERIES - 1], told[MOST_SERIES - 1 :]
    if len(others) > 1:
        largest.append((f"{len(others)} others", sum(value for _, value in others)))
    else:
        largest += others
    bars, at = [], 0.0
    for name, value in largest:
        share = float(value) / whole
        bars.append(Bar(name, text(value, columns[number][1]), share, _slice(at, at + share)))
        at += share
    return Plot("pie", bars=tuple(bars), left=left)


def _slice(start: float, end: float) -> str:
    """The outline of a slice from and to a share of the way around, clockwise from the top; a whole pie is two halves."""
    if end - start > 0.999_999:
        return f"{_slice(start, start + 0.5)} {_slice(start + 0.5, start + 0.999_999)}"
    (x1, y1), (x2, y2) = (
        (100 + _RADIUS * math.sin(2 * math.pi * at), 100 - _RADIUS * math.cos(2 * math.pi * at))
        for at in (start, end)
    )
    return f"M100 100 L{x1:.2f} {y1:.2f} A{_RADIUS} {_RADIUS} 0 {int(end - start > 0.5)} 1 {x2:.2f} {y2:.2f}Z"
