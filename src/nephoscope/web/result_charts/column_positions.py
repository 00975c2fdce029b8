"""Column positions: widths by the smallest step of times and numbers, or one per name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil

from nephoscope.web.result_charts.chart_page import WIDTH, AxisLabel
from nephoscope_kql.cell_formatting import format_moment
from nephoscope_kql.types import TICKS_PER_DAY, TICKS_PER_SECOND, KqlType

#: Labels under times and numbers, and under names, that a wide page has room for.
FEW, MOST_NAMES = 6, 12
#: Numbers that lie further apart than this many places each stand side by side.
_SPARSE = 3
_MINUTE = 60 * TICKS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Slots:
    """Each place's middle and the width of one, of WIDTH in all, and the labels, each under an equal part of them."""

    middle: Mapping[float, float]
    wide: float
    labels: tuple[AxisLabel, ...]


def compute_slots(places: Sequence[float], labels: Mapping[float, str], kind: KqlType) -> Slots:
    """The slots of sorted places, at least one: of times with gaps where there is none, of far numbers and names without."""
    step = min((after - at for at, after in pairwise(places)), default=1.0)
    count = round((places[-1] - places[0]) / step) + 1
    if kind is KqlType.DATETIME:
        return _build_even_slots(places, step, count, kind)
    if kind.is_numeric and count <= max(FEW, _SPARSE * len(places)):
        return _build_even_slots(places, step, count, kind)
    return _build_side_by_side_slots(places, labels)


def _build_even_slots(places: Sequence[float], step: float, count: int, kind: KqlType) -> Slots:
    each = ceil(count / FEW)
    cells = ceil(count / each)
    wide = WIDTH / (cells * each)
    middle = {at: wide * ((at - places[0]) / step + 0.5) for at in places}
    starts = [places[0] + cell * each * step for cell in range(cells)]
    return Slots(middle, wide, tuple(_build_label(at, each * step, kind) for at in starts))


def _build_side_by_side_slots(places: Sequence[float], labels: Mapping[float, str]) -> Slots:
    each = ceil(len(places) / MOST_NAMES)
    cells = ceil(len(places) / each)
    wide = WIDTH / (cells * each)
    middle = {at: wide * (number + 0.5) for number, at in enumerate(places)}
    return Slots(middle, wide, tuple(AxisLabel(labels[at]) for at in places[::each]))


def _build_label(at: float, apart: float, kind: KqlType) -> AxisLabel:
    """A number, or a time as short as it can be: its day, its minute, its second, by how far the labels are apart."""
    if kind is not KqlType.DATETIME:
        return AxisLabel(f"{at:,.6g}")
    ticks = int(at)
    if apart >= TICKS_PER_SECOND:
        ticks -= ticks % TICKS_PER_SECOND
    exact = format_moment(ticks)
    if ticks % TICKS_PER_DAY == 0 and apart % TICKS_PER_DAY == 0:
        return AxisLabel(exact[:10], exact)
    minutes = ticks % _MINUTE == 0 and apart % _MINUTE == 0
    return AxisLabel(f"{exact[:10]} {exact[11:16]}Z" if minutes else exact, exact)
