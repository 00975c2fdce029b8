"""Chart series from the rows of a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import isfinite
from typing import Any

from nephoscope.web.result_charts.chart_page import MOST_SERIES, Points
from nephoscope.web.result_charts.render_spec import Columns, RenderSpec
from nephoscope_kql.cell_formatting import format_cell
from nephoscope_kql.types import KqlType

Pairs = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, slots=True)
class PlottedSeries:
    """The series that are drawn, greatest first, each in order of places; `labels` names the places; `left` counts the others."""

    series: Pairs
    labels: Mapping[float, str]
    left: int

    @property
    def numbers(self) -> Points:
        """The series by place: what a series has at one place is added up."""
        return {name: _add_series([pairs]) for name, pairs in self.series.items()}


def make_points(columns: Columns, rows: Sequence[Any], asked: RenderSpec, across: int) -> PlottedSeries:
    """Series by what splits the rows and by column; rows without a place are not drawn."""
    kind = columns[across][1]
    places = _list_axis_places(kind, [row[across] for row in rows])
    found: dict[str, list[tuple[float, float]]] = {}
    labels: dict[float, str] = {}
    for row, place in zip(rows, places, strict=True):
        if place is None:
            continue
        labels[place] = format_cell(row[across], kind)
        for number in asked.numbers:
            if row[number] is not None and isfinite(row[number]):
                found.setdefault(_build_series_name(columns, row, number, asked), []).append(
                    (place, float(row[number]))
                )
    series, dropped = _select_largest(found, bool(asked.stacked))
    ordered = {name: sorted(pairs) for name, pairs in series.items()}
    if asked.accumulate:
        ordered = {name: _accumulate_values(pairs) for name, pairs in ordered.items()}
    return PlottedSeries(ordered, labels, dropped + sum(1 for at in places if at is None))


def _build_series_name(columns: Columns, row: Any, number: int, asked: RenderSpec) -> str:
    """Return what a series is called: by the values that split the rows, with the column where there are several."""
    split = ", ".join(format_cell(row[at], columns[at][1]) for at in asked.names)
    if split and len(asked.numbers) == 1:
        return split
    return " ".join(one for one in (split, columns[number][0]) if one)


def _list_axis_places(kind: KqlType, values: Sequence[Any]) -> list[float | None]:
    """Where values stand across: a time or a number where it is, names side by side in their order; None for null."""
    if kind is KqlType.DATETIME or kind.is_numeric:
        return [None if one is None or not isfinite(one) else float(one) for one in values]
    order: dict[str, int] = {}
    return [
        None if one is None else float(order.setdefault(format_cell(one, kind), len(order))) for one in values
    ]


def _select_largest(found: Pairs, stacked: bool) -> tuple[Pairs, int]:
    """The greatest series, and how many are not drawn; what is stacked holds them all, the least as one."""
    names = sorted(found, key=lambda name: -sum(value for _, value in found[name]))
    if len(names) <= MOST_SERIES or not stacked:
        return {name: found[name] for name in names[:MOST_SERIES]}, max(0, len(names) - MOST_SERIES)
    most, others = names[: MOST_SERIES - 1], names[MOST_SERIES - 1 :]
    together = list(_add_series([found[name] for name in others]).items())
    return {**{name: found[name] for name in most}, f"{len(others)} others": together}, 0


def _add_series(several: Sequence[Sequence[tuple[float, float]]]) -> dict[float, float]:
    sums: dict[float, float] = {}
    for pairs in several:
        for at, value in pairs:
            sums[at] = sums.get(at, 0.0) + value
    return sums


def _accumulate_values(pairs: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    return list(zip([at for at, _ in pairs], accumulate(value for _, value in pairs), strict=True))


def compute_stacked_ranges(series: Points, whole: bool) -> Mapping[str, Mapping[float, tuple[float, float]]]:
    """From where to where each number goes on those before it, what is below nought downwards; as parts of 100 where `whole`."""
    of = {at: 1.0 for values in series.values() for at in values}
    if whole:
        of = {at: sum(abs(values.get(at, 0.0)) for values in series.values()) / 100 or 1.0 for at in of}
    up, down = dict.fromkeys(of, 0.0), dict.fromkeys(of, 0.0)
    made: dict[str, dict[float, tuple[float, float]]] = {}
    for name, values in series.items():
        made[name] = {}
        for at in of:
            value = values.get(at, 0.0) / of[at]
            side = up if value >= 0 else down
            made[name][at] = (side[at], side[at] + value)
            side[at] += value
    return made
