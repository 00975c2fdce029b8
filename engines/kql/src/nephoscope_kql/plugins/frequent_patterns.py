"""Frequent patterns of attribute values: free sets and their closures, over distinct rows with weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Reals = NDArray[np.float64]
MAX_SETS = 20_000
"""How many sets a search may hold; where there are more, only those of greater weight are searched."""
MAX_WORK = 400_000_000
"""How many cells it may look at below the single values."""


@dataclass(frozen=True, slots=True)
class FrequentPattern:
    """Values of some columns (column -> code) and the weights of the rows that have them, one a measure."""

    items: tuple[tuple[int, int], ...]
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PatternAttributes:
    """Columns of distinct rows as codes of their values; null is a value. `weights` has a row a measure."""

    codes: list[Codes]
    values: list[pa.Array]
    weights: Reals

    @property
    def totals(self) -> Reals:
        """The weight of all rows, a measure."""
        return np.asarray(self.weights.sum(axis=1))


def encode_attributes(columns: list[pa.Array], weights: list[pa.Array]) -> PatternAttributes:
    """The columns coded; rows without any weight are left out."""
    measured = np.array([np.nan_to_num(item.to_numpy(zero_copy_only=False)) for item in weights], dtype=float)
    measured = measured.reshape(len(weights), -1)
    kept = np.flatnonzero(measured.sum(axis=0) > 0)
    coded = [pc.dictionary_encode(item, null_encoding="encode") for item in columns]
    codes = [np.asarray(item.indices.to_numpy(zero_copy_only=False), dtype=np.int64)[kept] for item in coded]
    return PatternAttributes(codes, [item.dictionary for item in coded], measured[:, kept])


class PatternSearch:
    """Finds all patterns of which some measure weighs at least `least`.

    A free set is one that no part of it describes as well: `most` bounds its size, that is how many values of a pattern do not
    follow from others. A pattern is the closure of a free set: all values that its rows share.
    """

    def __init__(self, data: PatternAttributes, least: Reals, most: int) -> None:
        self.data = data
        self.least = least
        self.most = most
        self.sizes = [len(item) for item in data.values]
        self.work = 0
        self.free: dict[frozenset[tuple[int, int]], int] = {}
        self.found: dict[tuple[tuple[int, int], ...], FrequentPattern] = {}

    def run(self) -> list[FrequentPattern]:
        """All patterns; OverflowError where there are more sets than MAX_SETS or more cells than MAX_WORK."""
        size = self.data.weights.shape[1]
        if size:
            everything = np.arange(size)
            self.free[frozenset()] = size
            self._grow_patterns((), everything, (len(self.data.codes), 0))
        return list(self.found.values())

    def _grow_patterns(
        self, items: tuple[tuple[int, int], ...], rows: Codes, before: tuple[int, int]
    ) -> None:
        """Extend a free set by the values that stand before its first one, in their order, so that parts come before the whole."""
        self.work += len(rows) * len(self.sizes) if items else 0
        if len(self.free) > MAX_SETS or self.work > MAX_WORK:
            raise OverflowError
        for item in self._list_extensions(items, rows, before):
            column, code = item
            inside = rows[self.data.codes[column][rows] == code]
            grown = (item, *items)
            if self._is_free(grown, len(inside)):
                self.free[frozenset(grown)] = len(inside)
                self._keep_closed_pattern(inside)
                if len(grown) < self.most:
                    self._grow_patterns(grown, inside, item)

    def _list_extensions(
        self, items: tuple[tuple[int, int], ...], rows: Codes, before: tuple[int, int]
    ) -> Iterator[tuple[int, int]]:
        used = {column for column, _ in items}
        for column in range(min(before[0] + 1, len(self.sizes))):
            if column in used:
                continue
            sums = self._build_sums(column, rows)
            for code in np.flatnonzero(has_minimum_weight(sums, self.least)):
                if (column, int(code)) < before:
                    yield column, int(code)

    def _build_sums(self, column: int, rows: Codes) -> Reals:
        """The weight of each value of a column among rows, a measure a row."""
        codes = self.data.codes[column][rows]
        size = self.sizes[column]
        return np.array([np.bincount(codes, weights[rows], size)[:size] for weights in self.data.weights])

    def _is_free(self, items: tuple[tuple[int, int], ...], count: int) -> bool:
        """Return whether every part of a set has more rows (a part that is unknown is not free itself)."""
        whole = frozenset(items)
        return all(self.free.get(whole - {item}, 0) > count for item in items)

    def _keep_closed_pattern(self, rows: Codes) -> None:
        """Keep the pattern of all values that the rows share."""
        first = rows[0]
        shared = tuple(
            (column, int(codes[first]))
            for column, codes in enumerate(self.data.codes)
            if codes[first] < self.sizes[column] and bool((codes[rows] == codes[first]).all())
        )
        if shared not in self.found:
            weights = tuple(float(item) for item in self.data.weights[:, rows].sum(axis=1))
            self.found[shared] = FrequentPattern(shared, weights)


def search_patterns(data: PatternAttributes, least: Reals, most: int) -> list[FrequentPattern]:
    """The patterns of which some measure weighs at least `least`, raised until they are no more than can be held."""
    bound = least
    while True:
        try:
            return PatternSearch(reduce_values(data, bound), bound, most).run()
        except OverflowError:
            bound = bound * 1.5


def has_minimum_weight(sums: Reals, least: Reals) -> NDArray[np.bool_]:
    """Return which values (columns of `sums`) weigh enough by some measure."""
    return np.asarray(((sums >= least[:, None]) & (sums > 0)).any(axis=0))


def reduce_values(data: PatternAttributes, least: Reals) -> PatternAttributes:
    """Return the same with all values that do not weigh enough as one value, which no pattern has; rows that became equal are one."""
    codes = []
    for column, values in zip(data.codes, data.values, strict=True):
        size = len(values)
        sums = np.array([np.bincount(column, weights, size) for weights in data.weights])
        codes.append(np.where(has_minimum_weight(sums, least)[column], column, size) if size else column)
    names = [f"c{place}" for place in range(len(codes))]
    measures = [f"w{place}" for place in range(len(data.weights))]
    rows = pa.table([*map(pa.array, codes), *map(pa.array, data.weights)], names=[*names, *measures])
    summed = rows.group_by(names).aggregate([(name, "sum") for name in measures])
    return PatternAttributes(
        [np.asarray(summed[name].to_numpy(), dtype=np.int64) for name in names],
        data.values,
        np.array([summed[f"{name}_sum"].to_numpy() for name in measures]),
    )


def describe_pattern(data: PatternAttributes, pattern: FrequentPattern) -> list[tuple[bool, str]]:
    """Return what a pattern says, column by column, for an order that does not depend on the order of rows."""
    known = dict(pattern.items)
    cells = [
        str(data.values[column][known[column]].as_py()) if column in known else ""
        for column in range(len(data.codes))
    ]
    return [(column not in known, cell) for column, cell in enumerate(cells)]


def build_columns(
    data: PatternAttributes, found: list[FrequentPattern], wildcards: tuple[object, ...]
) -> list[pa.Array]:
    """The patterns as columns; a column that a pattern leaves open holds its wildcard."""
    columns = []
    for column, values in enumerate(data.values):
        open_ = len(values)
        places = [dict(pattern.items).get(column, open_) for pattern in found]
        extended = pa.concat_arrays([values, pa.array([wildcards[column]], values.type)])
        columns.append(extended.take(pa.array(places, pa.int64())))
    return columns
