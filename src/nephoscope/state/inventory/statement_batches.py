"""Values in parts that a statement takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
#: SQLite takes 32,766 variables, of which a pair is two.
BATCH = 5_000


def split_into_parts(values: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Give values in lists of at most a size."""
    every = list(values)
    for start in range(0, len(every), size):
        yield every[start : start + size]
