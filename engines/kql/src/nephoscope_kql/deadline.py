"""The deadline of a query, from parsing to its last row."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from nephoscope_kql.cancellation import Cancellation, get_current_cancellation, run_with_cancellation
from nephoscope_kql.errors import NOWHERE, KqlError, TooLargeError

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


def get_deadline() -> Deadline | None:
    """The deadline of what runs here."""
    return _DEADLINE.get()


@contextmanager
def set_deadline_within(seconds: float | None) -> Iterator[Deadline | None]:
    """Set a deadline in `seconds` for the block (None = leave it), or keep an earlier one that is set outside."""
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


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of a query's run: a deadline, and a token that another thread cancels."""

    deadline: Deadline | None
    cancellation: Cancellation | None

    @property
    def error(self) -> KqlError | None:
        """The error of a query that has reached one of them, None where it may go on."""
        if self.cancellation is not None and (error := self.cancellation.error) is not None:
            return error
        if self.deadline is not None and time.monotonic() >= self.deadline.at:
            return self.deadline.error
        return None

    @contextmanager
    def apply_limits(self) -> Iterator[None]:
        """Apply them to what happens inside, in whatever thread that is."""
        token = _DEADLINE.set(self.deadline)
        try:
            with run_with_cancellation(self.cancellation):
                yield
        finally:
            _DEADLINE.reset(token)


def get_current_limits() -> RunLimits:
    """Return the limits of what runs here."""
    return RunLimits(_DEADLINE.get(), get_current_cancellation())


def check_deadline(number: int = 0) -> None:
    """Raise KqlError (unsupported) where the deadline has passed or the query is cancelled.

    With the number of a step the clock is read at every 64th alone.
    """
    if number % 64:
        return
    error = get_current_limits().error
    if error is not None:
        raise error
