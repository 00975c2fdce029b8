"""Memory release: return freed memory of an ingesting process to the system."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from functools import cache

import pyarrow as pa

TRIM_EVERY = 2.0
"""Seconds between two trims at least: one takes up to some tens of milliseconds."""
_lock = threading.Lock()
_trimmed = [float("-inf")]


def release_arrow_memory() -> None:
    """Let Arrow take its memory from the system's own allocator from now on, in this process.

    Arrow's usual one keeps what its threads have freed: the peak of a process that reads, flushes and joins at once then grows for
    minutes (532 MiB for a file of 256 MiB, 781 for one of 768; 461 and 498 with the system's, at the same speed or better).
    """
    pa.set_memory_pool(pa.system_memory_pool())


def trim_memory() -> None:
    """Give what the system's allocator has free back to the system, now and then; where it is not glibc's, it holds little back.

    Its arenas are cut up by small blocks that stay, so that it keeps what is free between them: after 600 MiB of seven kinds of logs
    390 MiB were free and held, and the peak grew with the length of the file. Source: malloc_trim(3).
    """
    release = _find_release_function()
    with _lock:
        if release is None or time.monotonic() - _trimmed[0] < TRIM_EVERY:
            return
        _trimmed[0] = time.monotonic()
    release(0)


@cache
def _find_release_function() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # no glibc: macOS, musl, Windows
        return None
    return found
