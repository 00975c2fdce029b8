"""Numba compilation, cached for later processes where possible."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compile_lazily(function: F) -> F:
    """A function compiled on first use, outside of Python's lock.

    Kept in `NUMBA_CACHE_DIR`, beside its file or in the user's cache; where none can be written, each process compiles for itself.
    """
    try:
        compiled = njit(cache=True, nogil=True)(function)
    except RuntimeError:  # how numba says that it has no place
        return cast(F, njit(nogil=True)(function))
    # Numba drops what it kept of a function when the file of the function changes, though not when that of a function that it calls
    # does: here any file of this package does it.
    kept = vars(compiled)["_cache"]
    index = kept._cache_file  # noqa: SLF001 - numba has no setting for the stamp
    kept._cache_file = type(index)(kept.cache_path, kept._impl.filename_base, _compute_source_stamp())  # noqa: SLF001
    return cast(F, compiled)


@cache
def _compute_source_stamp() -> bytes:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).digest()
