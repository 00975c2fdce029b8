"""Lanes over time as SVG that stretches: a lane has columns of what went well below what failed, and dots of what stands out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

WIDTH, HEIGHT, GAP = 960.0, 28.0, 0.18
#: The least height of a column: a single event is seen beside hundreds.
LEAST = 3.0


@dataclass(frozen=True, slots=True)
class LaneMark:
    """Something that stands out at a share of the time range, with its severity in small letters and what it is in words."""

    place: float
    severity: str
    title: str


@dataclass(frozen=True, slots=True)
class TimeLane:
    """Counts of each part of the time range, what went well and what failed, with marks; `label` says in words what is drawn."""

    label: str
    passed: Sequence[int]
    failed: Sequence[int]
    marks: Sequence[LaneMark] = field(default=())

    @property
    def most(self) -> int:
        """Return the highest count of a part."""
        return max((one + other for one, other in zip(self.passed, self.failed, strict=True)), default=0)


def draw_lane(lane: TimeLane, most: int) -> Markup:
    """Draw a lane whose columns are as high as their share of `most`, the highest count of all lanes that are compared."""
    passed: list[str] = []
    failed: list[str] = []
    for at, (below, above) in enumerate(zip(lane.passed, lane.failed, strict=True)):
        whole = _compute_height(below + above, most)
        part = whole * below / max(below + above, 1)
        passed += _draw_column(at, len(lane.passed), 0.0, part)
        failed += _draw_column(at, len(lane.passed), part, whole)
    marks = Markup("").join(
        Markup('<path class="time-lanes__mark time-lanes__mark--{}" d="M{:.1f} 14h0"><title>{}</title></path>').format(
            one.severity, one.place * WIDTH, one.title
        )
        for one in lane.marks
    )  # fmt: skip
    return Markup(
        '<svg class="time-lanes__plot" viewBox="0 0 960 28" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="time-lanes__base" d="M0 28H960"/><path class="time-lanes__passed" d="{}"/>'
        '<path class="time-lanes__failed" d="{}"/>{}</svg>'
    ).format(lane.label, "".join(passed), "".join(failed), marks)


def _compute_height(count: int, most: int) -> float:
    return max(LEAST, HEIGHT * count / most) if count else 0.0


def _draw_column(at: int, parts: int, low: float, high: float) -> Iterable[str]:
    if high > low:
        slot = WIDTH / parts
        left, wide = slot * (at + GAP / 2), slot * (1 - GAP)
        yield f"M{left:.1f} {HEIGHT - high:.1f}h{wide:.1f}v{high - low:.1f}H{left:.1f}Z"
