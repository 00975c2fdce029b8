"""Layered map as SVG: columns of boxes, each a link, with lines between neighboring columns; attributes and classes only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from nephoscope.model.resource_names import shorten_ids

ROW, HEAD, LEFT, BOX, GAP = 40, 28, 10, 260, 72
#: The letters that a box has room for.
WORDS = 38


@dataclass(frozen=True, slots=True)
class MapNode:
    """A box: its key, its title, where it leads, the keys of the next column that it leads to, and its color.

    `whole` is the text for who points at it; `tone` is that of a `chart-links__node--` of the style sheet ('' = none).
    """

    key: str
    title: str
    address: str
    next: Sequence[str] = ()
    tone: str = ""
    whole: str = ""


@dataclass(frozen=True, slots=True)
class MapColumn:
    """A column with its heading; boxes are drawn in the order of the last column."""

    title: str
    nodes: Sequence[MapNode]
    width: int = BOX


#: Colors, the strongest first.
_TONES = ("critical", "high", "medium", "low")
_PLAIN = Markup('<path class="chart-links__edge" d="{}"/>')
#: Lines by their color.
_LINES = {
    "high": Markup('<path class="chart-links__edge chart-links__edge--high" d="{}"/>'),
    "medium": Markup('<path class="chart-links__edge chart-links__edge--medium" d="{}"/>'),
}


def draw_map(columns: Sequence[MapColumn], label: str) -> Markup:
    """Draw columns from the left to the right; a box stands amid those that it leads to."""
    places, xs = _place_boxes(columns), _list_starts(columns)
    rows = max((max(one.values(), default=0.0) for one in places), default=0.0) + 1
    high, wide = round(HEAD + rows * ROW + 8), xs[-1] + columns[-1].width + LEFT
    heads = Markup("").join(
        Markup('<text class="chart-links__kind" x="{}" y="18">{}</text>').format(x, one.title)
        for x, one in zip(xs, columns, strict=True)
    )
    tones = [{node.key: node.tone for node in one.nodes} for one in columns]
    lines = Markup("").join(
        _draw_line(
            (xs[at] + column.width, _compute_y(places[at][node.key])), (xs[at + 1], _compute_y(places[at + 1][key])),
            _choose_less_severe_tone(node.tone, tones[at + 1][key]),
        )
        for at, column in enumerate(columns[:-1])
        for node in column.nodes
        for key in node.next
        if key in places[at + 1]
    )  # fmt: skip
    boxes = Markup("").join(
        _draw_box(node, x, column.width, _compute_y(place[node.key]))
        for x, column, place in zip(xs, columns, places, strict=True)
        for node in column.nodes
    )
    return Markup(
        '<svg class="chart-links" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="group" aria-label="{2}">{3}{4}{5}</svg>'
    ).format(wide, high, label, heads, lines, boxes)


def _list_starts(columns: Sequence[MapColumn]) -> list[int]:
    """The left side of each column."""
    found = [LEFT]
    for one in columns[:-1]:
        found.append(found[-1] + one.width + GAP)
    return found


def _choose_less_severe_tone(*tones: str) -> str:
    """The weaker of colors, which a line between two boxes has."""
    return "" if "" in tones else max(tones, key=_TONES.index)


def _place_boxes(columns: Sequence[MapColumn]) -> list[Mapping[str, float]]:
    """The row of each box by its key, for each column: from the last one to the first, no two in the same row."""
    found: list[Mapping[str, float]] = [{one.key: float(at) for at, one in enumerate(columns[-1].nodes)}]
    for column in reversed(columns[:-1]):
        right = found[0]
        wanted: defaultdict[str, float] = defaultdict(float)
        for node in column.nodes:
            rows = [right[key] for key in node.next if key in right]
            wanted[node.key] = sum(rows) / len(rows) if rows else 0.0
        placed: dict[str, float] = {}
        last = -1.0
        for key in sorted(wanted, key=lambda one: wanted[one]):
            last = placed[key] = max(wanted[key], last + 1)
        found.insert(0, placed)
    return found


def _compute_y(row: float) -> int:
    return round(HEAD + row * ROW + ROW / 2)


def _draw_line(start: tuple[int, int], end: tuple[int, int], tone: str) -> Markup:
    (x, y), (until, below) = start, end
    middle, before = x + GAP // 2, until - GAP // 2
    return _LINES.get(tone, _PLAIN).format(f"M{x} {y} C{middle} {y} {before} {below} {until} {below}")


def _draw_box(node: MapNode, x: int, width: int, y: int) -> Markup:
    title = shorten_ids(node.title)
    if len(title) > WORDS:
        title = f"{title[: WORDS - 1]}…"
    name = f"chart-links__node chart-links__node--{node.tone}" if node.tone else "chart-links__node"
    return Markup(
        '<a href="{}"><title>{}</title><rect class="{}" x="{}" y="{}" width="{}" height="32" rx="6"/>'
        '<text x="{}" y="{}">{}</text></a>'
    ).format(node.address, node.whole or node.title, name, x, y - 16, width, x + 10, y + 4, title)
