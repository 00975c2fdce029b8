"""The witness of basket, autocluster and diffpatterns: every combination of values tried, for few rows and columns."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any, TypeAlias

Items: TypeAlias = "dict[int, Any]"
"""Column -> value."""


def matches(row: list[Any], items: Items) -> bool:
    return all(same(row[column], value) for column, value in items.items())


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def weights(rows: list[list[Any]], items: Items, width: int) -> list[float]:
    """The sums of the measures behind the first `width` columns over the rows that have the values."""
    measures = len(rows[0]) - width if rows else 1
    return [sum(row[width + at] or 0.0 for row in rows if matches(row, items)) for at in range(measures)]


def patterns(rows: list[list[Any]], width: int, most: int) -> list[Items]:
    """All closures of sets of at most `most` values of which none follows from the others."""
    found: dict[str, Items] = {}
    for row in rows:
        for size in range(1, most + 1):
            for columns in itertools.combinations(range(width), size):
                items = {column: row[column] for column in columns}
                if any(covers(rows, items, leave) for leave in columns):
                    continue
                having = [one for one in rows if matches(one, items)]
                closure = {
                    column: row[column]
                    for column in range(width)
                    if all(same(one[column], row[column]) for one in having)
                }
                found[repr(closure)] = closure
    return list(found.values())


def covers(rows: list[list[Any]], items: Items, leave: int) -> bool:
    """Whether the values without one of them have the same rows."""
    part = {column: value for column, value in items.items() if column != leave}
    return sum(matches(row, part) for row in rows) == sum(matches(row, items) for row in rows)


def shown(items: Items, width: int) -> list[tuple[bool, str]]:
    return [(column not in items, str(items[column]) if column in items else "") for column in range(width)]


def cells(items: Items, wildcards: tuple[Any, ...]) -> list[Any]:
    return [items.get(column, wildcard) for column, wildcard in enumerate(wildcards)]


def segments(rows: list[list[Any]], found: list[Items], wildcards: tuple[Any, ...]) -> list[list[Any]]:
    width = len(wildcards)
    total = sum(row[width] for row in rows)
    found = sorted(found, key=lambda one: (-weights(rows, one, width)[0], shown(one, width)))
    sums = [weights(rows, one, width)[0] for one in found]
    return [
        [at, round(weight), 100.0 * weight / total, *cells(one, wildcards)]
        for at, (one, weight) in enumerate(zip(found, sums, strict=True))
    ]


def basket(rows: list[list[Any]], threshold: float, most: int, wildcards: tuple[Any, ...]) -> list[list[Any]]:
    width = len(wildcards)
    least = threshold * sum(row[width] for row in rows)
    found = [one for one in patterns(rows, width, most) if weights(rows, one, width)[0] >= least]
    return segments(rows, found, wildcards)


def diffpatterns(
    rows: list[list[Any]], threshold: float, most: int, wildcards: tuple[Any, ...]
) -> list[list[Any]]:
    width = len(wildcards)
    rows = [row for row in rows if row[width] or row[width + 1]]
    totals = weights(rows, {}, width)
    scored = []
    for one in patterns(rows, width, most):
        counts = weights(rows, one, width)
        shares = [count / total if total else 0.0 for count, total in zip(counts, totals, strict=True)]
        scored.append((abs(shares[0] - shares[1]), shares, counts, one))
    scored.sort(key=lambda item: (-item[0], len(item[3]), shown(item[3], width)))
    chosen: list[tuple[float, list[float], list[float], Items]] = []
    for item in scored:
        own = set(shown_items(item[3]))
        others = [set(shown_items(other[3])) for other in chosen]
        if item[0] >= threshold and not any(own <= other or other <= own for other in others):
            chosen.append(item)
    return [
        [at, *map(round, counts), *(100.0 * share for share in shares), 100.0 * score, *cells(one, wildcards)]
        for at, (score, shares, counts, one) in enumerate(chosen)
    ]


def shown_items(items: Items) -> list[str]:
    return [f"{column}={value!r}" for column, value in items.items()]


def autocluster(
    rows: list[list[Any]], size: float, seeds: int, wildcards: tuple[Any, ...]
) -> list[list[Any]]:
    width = len(wildcards)
    total = sum(row[width] for row in rows)
    entropies = [entropy(rows, column, width, total) for column in range(width)]
    whole = sum(entropies)
    telling = [one / whole if whole > 0 else 1.0 / width for one in entropies]

    def score(items: Items) -> float:
        covered = weights(rows, items, width)[0] / total if total else 0.0
        return float(covered**size * sum(telling[column] for column in items) ** (1.0 - size))

    left = sorted(rows, key=lambda row: (-row[width], [str(cell) for cell in row[:width]]))
    found: dict[str, tuple[float, Items]] = {}
    for _ in range(seeds):
        if not left:
            break
        kept = dict(enumerate(left[0][:width]))
        best = (-1.0, kept)
        while kept:
            if score(kept) > best[0]:
                best = (score(kept), kept)
            options = [{key: item for key, item in kept.items() if key != column} for column in kept]
            kept = min(options, key=lambda one: -score(one))
        found[repr(best[1])] = best
        left = [row for row in left[1:] if not matches(row, best[1])]
    least = max((value for value, _ in found.values()), default=0.0) / 3
    return segments(rows, [one for value, one in found.values() if value >= least], wildcards)


def entropy(rows: list[list[Any]], column: int, width: int, total: float) -> float:
    sums: dict[str, float] = {}
    for row in rows:
        sums[repr(row[column])] = sums.get(repr(row[column]), 0.0) + row[width]
    return -sum(one / total * math.log(one / total) for one in sums.values() if one > 0)


MINERS: dict[str, Callable[..., list[list[Any]]]] = {
    "basket": basket,
    "autocluster": autocluster,
    "diffpatterns": diffpatterns,
}
