"""Memory accounting: attribute the growth of process memory to the queries that run."""

from __future__ import annotations

import ctypes
import re
import sys
import threading
from dataclasses import dataclass, field
from functools import cache
from math import inf
from pathlib import Path

_STATM = Path("/proc/self/statm")
_SIZE = re.compile(r"([0-9.]+) (bytes?|[KMGTPE]iB)")
_UNITS = ("", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
SHARE = 1.5
BESIDE = 256 * 2**20
SMALL = 1 / 16
"""What a query may make the process grow by: SHARE times its limit, and BESIDE. DuckDB itself keeps to the limit for what it
counts; the rest is for what it does not count: the result, lists and some texts, and memory that it frees late."""


def parse_allowance(limit: str) -> int:
    """The bytes by which a query may make the process grow, from a limit as DuckDB words it: `476.8 MiB`."""
    found = _SIZE.fullmatch(limit)
    if found is None:
        raise ValueError(f"no size in DuckDB's words: {limit!r}")
    unit = found[2] if found[2] in _UNITS else ""
    return int(float(found[1]) * 1024 ** _UNITS.index(unit) * SHARE) + BESIDE


@cache
def _read_page_size() -> int:
    import resource

    return resource.getpagesize()


def measure_resident_memory() -> int:
    """The bytes of memory that this process holds; where the system does not tell (no /proc) the most that it ever held."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _read_page_size()
    except FileNotFoundError:
        import resource

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024


@dataclass(eq=False)
class ChargedQuery:
    """A running query: how much it may make the process grow, and how much growth it was charged with."""

    allowed: int
    growth: float = 0


@dataclass
class MemoryLedger:
    """Ledger that charges the growth of the process to queries: those that run while it grows, in equal parts.

    Alone, a query is charged with all that the process grows by while it runs, whatever else the process does. Several may together
    grow by the sum of what each is allowed; where that is exceeded the one that is most above its own allowance has to end. The
    process may grow by `most` bytes above its `base`, whatever ended queries left behind: beyond that, one that has grown by more than
    a small part of it has to end. What a query leaves behind when it ends (its result, memory freed late) is charged to nobody.
    """

    running: list[ChargedQuery] = field(default_factory=list)
    most: float = inf
    base: int = 0
    left: float = 0
    last: int = 0

    def start_query(self, query: ChargedQuery, held: int) -> None:
        """A query starts, while the process holds that many bytes."""
        self._settle_charges(held)
        if not self.running:
            self.left = 0
        self.running.append(query)

    def end_query(self, query: ChargedQuery, held: int) -> None:
        """A query has ended."""
        self._settle_charges(held)
        self.running.remove(query)
        self.left += query.growth

    def is_termination_required(self, query: ChargedQuery, held: int) -> bool:
        """Return whether the process has grown too much, and this query is the one that has to end."""
        self._settle_charges(held)
        full = held - self.base > self.most and query.growth > self.most * SMALL
        if not full and sum(one.growth for one in self.running) <= sum(one.allowed for one in self.running):
            return False
        return query is max(self.running, key=lambda one: one.growth - one.allowed)

    def _settle_charges(self, held: int) -> None:
        """Charge what the process grew by since the last look; what it gave back is first what ended queries had left."""
        grown, self.last = float(held - self.last), held
        if grown < 0:
            returned = min(self.left, -grown)
            self.left -= returned
            grown += returned
        for one in self.running:
            one.growth = max(0.0, one.growth + grown / len(self.running))


LEDGER = MemoryLedger()
"""The ledger of this process."""
LOCK = threading.Lock()
"""Held by whoever uses it."""


def limit_total(size: int) -> None:
    """Limit the bytes by which all queries of this process together may make it grow from now on."""
    with LOCK:
        LEDGER.most, LEDGER.base = size, measure_resident_memory()


def compute_share(several: int) -> int | None:
    """Return the bytes of the limit that one of several queries may take before it spills; None without a limit."""
    return None if LEDGER.most == inf else int(LEDGER.most / max(2, several))


def release_memory() -> None:
    """Give the memory back to the system that ended queries have left with the allocators, where it is much."""
    if measure_resident_memory() - LEDGER.base > LEDGER.most / 2:
        import pyarrow as pa

        pa.default_memory_pool().release_unused()
        if (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:  # glibc has it
            trim(0)
