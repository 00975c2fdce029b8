"""The time that a query may take, from its text to its rows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from nephoscope.kql.errors import NOWHERE, TooLargeError

COMPILING = 60.0
"""Seconds that compiling may take where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment (of time.monotonic), and how many seconds lay before it."""

    at: float
    seconds: float

    @property
    def error(self) -> TooLargeError:
        """The error of a query that is not ready at that moment."""
        return TooLargeError(f"the query took longer than {self.seconds:g} s", NOWHERE, "unsupported")


_DEADLINE: ContextVar[Deadline | None] = ContextVar("deadline of a query", default=None)


def deadline() -> Deadline | None:
    """The deadline of what runs here."""
    return _DEADLINE.get()


@contextmanager
def within(seconds: float | None) -> Iterator[Deadline | None]:
    """What happens inside has a deadline in `seconds` (None = no other than it had), or an earlier one that is set outside."""
    outer = _DEADLINE.get()
    here = None if seconds is None else Deadline(time.monotonic() + seconds, seconds)
    if here is None or (outer is not None and outer.at <= here.at):
        yield outer
        return
    token = _DEADLINE.set(here)
    try:
        yield here
    finally:
        _DEADLINE.reset(token)


def check(number: int = 0) -> None:
    """KqlError (unsupported) where the deadline has passed; with the number of a step the clock is read at every 64th alone."""
    if number % 64:
        return
    found = _DEADLINE.get()
    if found is not None and time.monotonic() > found.at:
        raise found.error
