"""Choke points: entities that many paths lead through, so that one fix closes them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

#: Paths from which on an entity on them is a choke point.
FEWEST = 2
Key = TypeVar("Key", bound=Hashable)


def find_choke_points(paths: Iterable[Sequence[Key]]) -> list[tuple[Key, int]]:
    """The entities that stand before the target on two paths or more, with on how many, the most first.

    A path is its entities in order, the target last; leave out the Internet, which nobody can take away.
    """
    counted: Counter[Key] = Counter()
    for path in paths:
        counted.update(set(path[:-1]))
    found = [(key, count) for key, count in counted.items() if count >= FEWEST]
    return sorted(found, key=lambda one: (-one[1], str(one[0])))
