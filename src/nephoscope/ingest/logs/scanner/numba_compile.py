"""Numba compilation, cached for later processes where possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., object])


def compile_lazily(function: F) -> F:
    """A function compiled on first use, outside of Python's lock.

    Kept in `NUMBA_CACHE_DIR`, beside its file or in the user's cache; where none can be written, each process compiles for itself.
    """
    try:
        return cast(F, njit(cache=True, nogil=True)(function))
    except RuntimeError:  # how numba says that it has no place
        return cast(F, njit(nogil=True)(function))
