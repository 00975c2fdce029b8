"""Groups of small files: what aggregates made of them, held by this process until compaction takes the files."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

_AGGREGATES = 512
"""Of how many aggregates groups are held."""
_MOST_TABLES = 16
"""In how many parts the groups of an aggregate may lie before all its files are read together again."""
_MOST_ROWS = 200_000
"""How many groups of an aggregate are held at most."""


class SmallFileGroups(NamedTuple):
    """The files that were read, and their groups in one or several tables."""

    files: frozenset[Path] = frozenset()
    tables: tuple[pa.Table, ...] = ()


class SmallFileCache:
    """The groups of small files by aggregate; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[Path, SmallFileGroups] = OrderedDict()

    def find(self, aggregate: Path, files: frozenset[Path]) -> SmallFileGroups:
        """Return the groups of some of these files; of none where others are among those that are held, or they are in many parts."""
        with self._lock:
            held = self._held.get(aggregate, SmallFileGroups())
        return held if held.files <= files and len(held.tables) < _MOST_TABLES else SmallFileGroups()

    def keep(self, aggregate: Path, groups: SmallFileGroups) -> None:
        """Hold groups in the place of earlier ones; the aggregate that was kept the longest ago goes, and too many groups do."""
        with self._lock:
            self._held.pop(aggregate, None)
            if sum(one.num_rows for one in groups.tables) <= _MOST_ROWS:
                self._held[aggregate] = groups
            while len(self._held) > _AGGREGATES:
                self._held.popitem(last=False)


cache = SmallFileCache()
