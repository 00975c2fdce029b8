"""Retry after a lost connection, if nothing was committed."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from nephoscope.state.database.state_errors import ConnectionLostError

_Done = TypeVar("_Done")


@dataclass
class _Attempt:
    committing: bool = False


_ATTEMPT: ContextVar[_Attempt | None] = ContextVar("attempt", default=None)


def mark_commit() -> None:
    """A transaction that writes comes to its commit: whether it was kept is not known where the connection is lost now."""
    attempt = _ATTEMPT.get()
    if attempt is not None:
        attempt.committing = True


def run_with_one_retry(do: Callable[[], _Done]) -> _Done:
    """Return what `do` gives, done a second time where a connection was lost before any commit; ConnectionLostError where it cannot
    be, or again.

    What `do` changes beside the state must be the same when it is done twice, and come after what the state is told of it.
    """
    attempt = _Attempt()
    before = _ATTEMPT.set(attempt)
    try:
        return do()
    except ConnectionLostError:
        if attempt.committing:
            raise
    finally:
        _ATTEMPT.reset(before)
    return do()
