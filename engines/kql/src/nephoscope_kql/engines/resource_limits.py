"""Resource limits of a query: cores and memory, alone or beside other queries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nephoscope_kql.engines.memory_accounting import compute_share

_SEVERAL: ContextVar[int] = ContextVar("queries that run at once", default=1)


@contextmanager
def share_limits(queries: int) -> Iterator[None]:
    """Run what happens inside as one of several queries."""
    reset = _SEVERAL.set(max(1, queries))
    try:
        yield
    finally:
        _SEVERAL.reset(reset)


def compute_core_share() -> int:
    """Return the threads that a query may have; 0 = as many as the engine takes by itself."""
    several = _SEVERAL.get()
    return 0 if several == 1 else max(1, (os.cpu_count() or 1) // several)


def compute_memory_share(most: str) -> str:
    """Return the memory that a query may have before it spills: `most`, or its share of the limit of this process."""
    size = compute_share(_SEVERAL.get())
    return most if size is None else f"{size >> 20}MiB"
