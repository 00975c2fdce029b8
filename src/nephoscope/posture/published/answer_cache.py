"""Answer cache of a published snapshot, whose documents never change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class AnswerCache:
    """Answers by key, up to a weight, those that were not asked for longest dropped first. Safe for threads."""

    def __init__(self, capacity: int, weight: Callable[[Any], int] = lambda _: 1) -> None:
        self._capacity, self._weight = capacity, weight
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._held = 0

    def get_or_compute(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` makes, made once for a key. Whoever gets it must leave it as it is."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                known: T = self._kept[key][0]
                return known
        made = make()
        weight = self._weight(made)
        with self._lock:
            if key not in self._kept and weight <= self._capacity // 4:
                self._kept[key] = made, weight
                self._held += weight
            while self._held > self._capacity:
                self._held -= self._kept.popitem(last=False)[1][1]
        return made
