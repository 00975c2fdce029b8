"""Values in parts that a statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
#: SQLite takes 32,766 variables, of which a pair is two.
BATCH = 5_000


def parts(values: Iterable[T]) -> Iterator[list[T]]:
    """Give values in lists of at most BATCH."""
    every = list(values)
    for start in range(0, len(every), BATCH):
        yield every[start : start + BATCH]
