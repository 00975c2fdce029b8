"""Clusters of rows: from the heaviest rows as seeds, values are given up one by one as long as that is worth it."""

from __future__ import annotations

import numpy as np

from nephoscope.kql.plugins.patterns import Attributes, Codes, Pattern, Reals

WORTH = 1 / 3
"""A pattern is kept whose score is at least this part of the best one's."""


def clusters(data: Attributes, size_weight: float, seeds: int) -> list[Pattern]:
    """The best patterns that seeds grow into; every seed is the heaviest row that no pattern before covers."""
    weights = data.weights[0]
    left = np.ones(len(weights), dtype=bool)
    telling = information(data)
    found: dict[tuple[tuple[int, int], ...], tuple[float, Pattern]] = {}
    order = _heaviest_first(data)
    for _ in range(seeds):
        open_ = order[left[order]]
        if not len(open_):
            break
        value, pattern, rows = _grown(data, int(open_[0]), size_weight, telling)
        left[rows] = False
        left[open_[0]] = False
        if pattern.items:
            found[pattern.items] = (value, pattern)
    least = WORTH * max((value for value, _ in found.values()), default=0.0)
    return [pattern for value, pattern in found.values() if value >= least]


def _heaviest_first(data: Attributes) -> Codes:
    """The rows by weight; rows of one weight by what they say."""
    weights = data.weights[0]
    texts = [[str(item.as_py()) for item in values] for values in data.values]
    heavy = np.argsort(-weights, kind="stable")
    cut = weights[heavy[min(len(heavy), 1000) - 1]] if len(heavy) else 0.0
    top = [int(row) for row in heavy if weights[row] >= cut]
    keys = {row: [text[codes[row]] for text, codes in zip(texts, data.codes, strict=True)] for row in top}
    top.sort(key=lambda row: (-weights[row], keys[row]))
    return np.array(top + [int(row) for row in heavy[len(top) :]], dtype=np.int64)


def information(data: Attributes) -> Reals:
    """How much each column tells: its share of the entropy of all columns; equal shares where none tells anything."""
    total = float(data.totals[0])
    entropies = []
    for codes, values in zip(data.codes, data.values, strict=True):
        shares = np.bincount(codes, data.weights[0], len(values)) / total if total else np.zeros(1)
        shares = shares[shares > 0]
        entropies.append(float(-(shares * np.log(shares)).sum()))
    whole = sum(entropies)
    if whole <= 0:
        return np.full(len(entropies), 1.0 / max(1, len(entropies)))
    return np.array(entropies) / whole


def _grown(data: Attributes, seed: int, size_weight: float, telling: Reals) -> tuple[float, Pattern, Codes]:
    """The best pattern on the way from a row to no pattern at all, giving up the value that costs least each time."""
    kept = list(range(len(data.codes)))
    matches = np.array([codes == codes[seed] for codes in data.codes])
    best: tuple[float, tuple[int, ...], Codes] = (-1.0, (), np.array([seed]))
    while kept:
        rows = np.flatnonzero(matches[kept].all(axis=0))
        value = score(data, rows, kept, size_weight, telling)
        if value > best[0]:
            best = (value, tuple(kept), rows)
        kept = _without_least(data, matches, kept, size_weight, telling)
    value, columns, rows = best
    items = tuple((column, int(data.codes[column][seed])) for column in columns)
    return value, Pattern(items, (float(data.weights[0][rows].sum()),)), rows


def _without_least(
    data: Attributes, matches: np.ndarray, kept: list[int], size_weight: float, telling: Reals
) -> list[int]:
    options = []
    for column in kept:
        rest = [other for other in kept if other != column]
        rows = np.flatnonzero(matches[rest].all(axis=0)) if rest else np.arange(matches.shape[1])
        options.append((-score(data, rows, rest, size_weight, telling), column, rest))
    return min(options)[2]


def score(data: Attributes, rows: Codes, columns: list[int], size_weight: float, telling: Reals) -> float:
    """The weighted geometric mean of how many rows a pattern covers and how much it tells about them."""
    total = float(data.totals[0])
    covered = float(data.weights[0][rows].sum()) / total if total else 0.0
    told = float(telling[columns].sum()) if columns else 0.0
    return float(covered**size_weight * told ** (1.0 - size_weight))
