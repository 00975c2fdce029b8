"""Stacked columns over time as SVG that stretches, with labels in HTML that keep their size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from markupsafe import Markup

WIDTH, HEIGHT, GAP = 960.0, 132.0, 0.18
#: What an axis ends at, of the power of ten that it has.
_ENDS = (1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10)


@dataclass(frozen=True, slots=True)
class StackedColumns:
    """A drawing: `groups` are (class, path) of what is stacked, `middle` and `high` numbers of the axis."""

    groups: Sequence[tuple[str, str]]
    middle: int
    high: int


def stack_columns(kinds: Sequence[str], counts: Sequence[Sequence[int]]) -> StackedColumns:
    """Stack the counts of each column, the last kind at the foot; a kind is the class that its parts are drawn with."""
    high = _round_up_scale(max((sum(one) for one in counts), default=0))
    slot = WIDTH / max(len(counts), 1)
    paths: dict[str, list[str]] = {kind: [] for kind in kinds}
    for at, column in enumerate(counts):
        tops = list(accumulate(reversed(column)))
        for kind, count, top in zip(reversed(kinds), reversed(column), tops, strict=True):
            if count:
                left, up, tall = slot * (at + GAP / 2), HEIGHT * (1 - top / high), HEIGHT * count / high
                paths[kind].append(f"M{left:.1f} {up:.1f}h{slot * (1 - GAP):.1f}v{tall:.1f}H{left:.1f}Z")
    groups = [(kind, "".join(found)) for kind, found in paths.items() if found]
    return StackedColumns(groups, high // 2, high)


def draw_columns(columns: StackedColumns, label: str) -> Markup:
    """The drawing alone; `label` says in words what it shows."""
    groups = Markup("").join(
        Markup('<g class="{}"><path d="{}"/></g>').format(kind, path) for kind, path in columns.groups
    )
    return Markup(
        '<svg class="chart-plot chart-plot--stack" viewBox="0 0 960 132" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="chart-plot__grid" d="M0 0H960M0 66H960M0 132H960"/>{}</svg>'
    ).format(label, groups)


def _round_up_scale(most: int) -> int:
    """The next even number that reads well at the end of an axis."""
    power = 10 ** (len(str(max(most, 1))) - 1)
    ends = (int(step * power) for step in _ENDS)
    return next((end for end in ends if end >= most and end % 2 == 0), max(2, most + most % 2))
