"""Cancelling a query from another thread, as when its client has gone away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from nephoscope_kql.errors import NOWHERE, TooLargeError


class CancelledError(TooLargeError):
    """A query that was cancelled before it had its rows; as with one that is too large, no further error of it is looked for."""


@dataclass(eq=False)
class Cancellation:
    """A token that one thread cancels and the thread of a query looks at."""

    _cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel(self) -> None:
        """Cancel what runs under the token, now or later."""
        self._cancelled.set()

    @property
    def error(self) -> CancelledError | None:
        """The error of what runs under the token, None while it is not cancelled."""
        if not self._cancelled.is_set():
            return None
        return CancelledError("the query was cancelled", NOWHERE, "unsupported")


_CANCELLATION: ContextVar[Cancellation | None] = ContextVar("cancellation of a query", default=None)


def get_current_cancellation() -> Cancellation | None:
    """Return the token of what runs here."""
    return _CANCELLATION.get()


@contextmanager
def run_with_cancellation(cancellation: Cancellation | None) -> Iterator[None]:
    """Run what happens inside under a token (None = under no token)."""
    reset = _CANCELLATION.set(cancellation)
    try:
        yield
    finally:
        _CANCELLATION.reset(reset)
