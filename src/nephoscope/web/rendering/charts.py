"""Charts as SVG: attributes and classes only, as pages allow no inline style; each has words for who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from nephoscope.model.resource_names import shorten_ids

_ARC = Markup(
    '<circle class="chart-arc chart-arc--{}" cx="52" cy="52" r="44" stroke-dasharray="{} {}" transform="rotate(-90 52 52)"/>'
)
_RING = Markup(
    '<svg width="104" height="104" viewBox="0 0 104 104" role="img" aria-label="{}">'
    '<circle class="chart-ring" cx="52" cy="52" r="44"/>{}</svg>'
)


#: The bands of a score: what it is below, and its name in style sheets.
BANDS = ((0.4, "poor"), (0.6, "weak"), (0.8, "fair"))


def choose_score_band(share: float) -> str:
    """Return the band of a score of 0 to 1: `poor`, `weak`, `fair` or `good`."""
    return next((name for below, name in BANDS if share < below), "good")


def draw_ring(share: float | None, label: str) -> Markup:
    """A ring filled by a share of 0 to 1."""
    around = 2 * math.pi * 44
    arc = (
        _ARC.format(choose_score_band(share), f"{around * share:.1f}", f"{around:.1f}")
        if share
        else Markup("")
    )
    return _RING.format(label, arc)


def draw_part_bar(counts: Sequence[tuple[str, int]], label: str, width: int = 200) -> Markup:
    """A bar of parts: (kind, count) each; a kind is one that the style sheet has a `chart-part--` for."""
    total = sum(count for _, count in counts)
    made, at = [], 0.0
    for name, count in counts:
        size = width * count / total if total else 0.0
        if size > 0:
            made.append(
                f'<rect class="chart-part--{name}" x="{at:.1f}" width="{max(size - 1.5, 1):.1f}" height="10" rx="2"/>'
            )
        at += size
    # a list has a hundred of them: written at once, as nothing but the label can hold what is to be escaped
    return Markup(  # noqa: S704
        f'<svg class="chart-bar" width="{width}" height="10" viewBox="0 0 {width} 10" role="img" aria-label="{escape(label)}">'
        f"{''.join(made)}</svg>"
    )


def draw_wide_bar(counts: Sequence[tuple[str, int | float]], label: str) -> Markup:
    """A bar of parts over the whole width there is: (kind, how much of it) each, as in `parts`."""
    total = sum(count for _, count in counts) or 1
    made, at = [], 0.0
    for name, count in counts:
        size = 400 * count / total
        if size > 0:
            made.append(Markup('<rect class="chart-part--{}" x="{:.1f}" width="{:.1f}" height="8"/>').format(
                name, at, max(size - 2, 2)))  # fmt: skip
        at += size
    return Markup(
        '<svg class="chart-bar chart-bar--wide" viewBox="0 0 400 8" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(label, Markup("").join(made))


def draw_line(values: Sequence[float], label: str) -> Markup:
    """A line over time, from its lowest to its highest value; '' for fewer than two."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    reach = (high - low) or 1.0
    points = [
        (300 * at / (len(values) - 1), 50 - 44 * (value - low) / reach) for at, value in enumerate(values)
    ]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup(
        '<svg class="chart-trend" viewBox="0 0 300 56" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="chart-trend__area" d="{} L300 56 0 56Z"/><path class="chart-trend__line" d="{}"/></svg>'
    ).format(label, path, path)


@dataclass(frozen=True, slots=True)
class DiagramNode:
    """Something in a drawing of links: what it is called, a word for its kind, where it leads ('' = nowhere), its color
    (a `chart-links__node--` of the style sheet, '' = none)."""

    title: str
    kind: str
    address: str = ""
    name: str = ""


ROW, LEFT, RIGHT, BOX = 40, 10, 560, 350
#: The letters that a box has room for.
WORDS = 45


def draw_links(
    left: Sequence[DiagramNode], right: Sequence[DiagramNode], between: Sequence[tuple[int, int]], label: str
) -> Markup:
    """Two columns of nodes with lines between them, by their places in the columns."""
    high = ROW * max(len(left), len(right), 1) + 8
    lines = Markup("").join(
        Markup('<path class="chart-links__edge" d="M{} {} C{} {} {} {} {} {}"/>').format(
            LEFT + BOX,
            _compute_middle(a),
            LEFT + BOX + 100,
            _compute_middle(a),
            RIGHT - 100,
            _compute_middle(b),
            RIGHT,
            _compute_middle(b),
        )
        for a, b in between
    )
    boxes = Markup("").join(
        _draw_box(node, x, at)
        for x, column in ((LEFT, left), (RIGHT, right))
        for at, node in enumerate(column)
    )
    return Markup(
        '<svg class="chart-links" width="920" height="{0}" viewBox="0 0 920 {0}" role="group" aria-label="{1}">{2}{3}</svg>'
    ).format(high, label, lines, boxes)


def _compute_middle(at: int) -> int:
    return at * ROW + 22


def _choose_class(node: DiagramNode) -> str:
    return f"chart-links__node chart-links__node--{node.name}" if node.name else "chart-links__node"


def _draw_box(node: DiagramNode, x: int, at: int) -> Markup:
    """A box with its words, which leads somewhere."""
    title, most = shorten_ids(node.title), WORDS - len(node.kind)
    if len(title) > most:
        title = f"{title[: most - 1]}…"
    drawn = Markup(
        '<rect class="{}" x="{}" y="{}" width="{}" height="34" rx="6"/>'
        '<text x="{}" y="{}"><tspan class="chart-links__kind">{} </tspan>{}</text>'
    ).format(_choose_class(node), x, at * ROW + 5, BOX, x + 10, at * ROW + 27, node.kind, title)
    whole = Markup("<title>{}</title>").format(node.title)
    return (
        Markup('<a href="{}">{}{}</a>').format(node.address, whole, drawn)
        if node.address
        else Markup("<g>{}{}</g>").format(whole, drawn)
    )
