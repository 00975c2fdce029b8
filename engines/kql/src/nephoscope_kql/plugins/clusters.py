"""Clusters of rows: from the heaviest rows as seeds, values are given up one by one as long as that is worth it."""

from __future__ import annotations

import numpy as np

from nephoscope_kql.plugins.frequent_patterns import Codes, FrequentPattern, PatternAttributes, Reals

WORTH = 1 / 3
"""A pattern is kept whose score is at least this part of the best one's."""


def find_cluster_patterns(data: PatternAttributes, size_weight: float, seeds: int) -> list[FrequentPattern]:
    """The best patterns that seeds grow into; every seed is the heaviest row that no pattern before covers."""
    weights = data.weights[0]
    left = np.ones(len(weights), dtype=bool)
    telling = compute_column_information(data)
    found: dict[tuple[tuple[int, int], ...], tuple[float, FrequentPattern]] = {}
    order = _sort_heaviest_first(data)
    for _ in range(seeds):
        open_ = order[left[order]]
        if not len(open_):
            break
        value, pattern, rows = _grow_pattern(data, int(open_[0]), size_weight, telling)
        left[rows] = False
        left[open_[0]] = False
        if pattern.items:
            found[pattern.items] = (value, pattern)
    least = WORTH * max((value for value, _ in found.values()), default=0.0)
    return [pattern for value, pattern in found.values() if value >= least]


def _sort_heaviest_first(data: PatternAttributes) -> Codes:
    """The rows by weight; rows of one weight by what they say."""
    weights = data.weights[0]
    texts = [[str(item.as_py()) for item in values] for values in data.values]
    heavy = np.argsort(-weights, kind="stable")
    cut = weights[heavy[min(len(heavy), 1000) - 1]] if len(heavy) else 0.0
    top = [int(row) for row in heavy if weights[row] >= cut]
    keys = {row: [text[codes[row]] for text, codes in zip(texts, data.codes, strict=True)] for row in top}
    top.sort(key=lambda row: (-weights[row], keys[row]))
    return np.array(top + [int(row) for row in heavy[len(top) :]], dtype=np.int64)


def compute_column_information(data: PatternAttributes) -> Reals:
    """Return how much each column tells: its share of the entropy of all columns; equal shares where none tells anything."""
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


def _grow_pattern(
    data: PatternAttributes, seed: int, size_weight: float, telling: Reals
) -> tuple[float, FrequentPattern, Codes]:
    """The best pattern on the way from a row to no pattern at all, giving up the value that costs least each time."""
    weights = data.weights[0]
    kept = list(range(len(data.codes)))
    differs = np.array([codes != codes[seed] for codes in data.codes])
    misses = differs.sum(axis=0)
    best: tuple[float, list[int]] = (-1.0, [])
    while kept:
        covered = float(weights[misses == 0].sum())
        value = score_pattern(data, covered, kept, size_weight, telling)
        if value > best[0]:
            best = (value, list(kept))
        near = np.flatnonzero(misses == 1)
        gains = [float(weights[near[differs[column][near]]].sum()) for column in kept]
        gone = _find_cheapest_column(data, covered, gains, kept, size_weight, telling)
        misses = misses - differs[gone]
        kept.remove(gone)
    value, columns = best
    rows = np.flatnonzero(~differs[columns].any(axis=0))
    items = tuple((column, int(data.codes[column][seed])) for column in columns)
    return value, FrequentPattern(items, (float(weights[rows].sum()),)), rows


def _find_cheapest_column(
    data: PatternAttributes,
    covered: float,
    gains: list[float],
    kept: list[int],
    size_weight: float,
    telling: Reals,
) -> int:
    """The column whose value is given up at the least cost; `gains` is the weight that each would bring."""
    options = [
        (
            -score_pattern(
                data, covered + gain, [other for other in kept if other != column], size_weight, telling
            ),
            column,
        )
        for column, gain in zip(kept, gains, strict=True)
    ]
    return min(options)[1]


def score_pattern(
    data: PatternAttributes, covered: float, columns: list[int], size_weight: float, telling: Reals
) -> float:
    """The weighted geometric mean of how many rows a pattern covers and how much it tells about them."""
    total = float(data.totals[0])
    share = covered / total if total else 0.0
    informativeness = float(telling[columns].sum()) if columns else 0.0
    return float(share**size_weight * informativeness ** (1.0 - size_weight))
