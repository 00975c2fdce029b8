"""Progress lines for output that is not a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.cli.terminal.messages import print_message

EVERY = 10.0
"""Seconds between two lines."""


@dataclass
class ProgressLines:
    """Tells of the work on standard error; the first line comes when the work has lasted `every` seconds."""

    every: float = field(default_factory=lambda: EVERY)
    clock: Callable[[], float] = time.monotonic
    say: Callable[[str], object] = print_message
    _said: float = field(init=False)

    def __post_init__(self) -> None:
        self._said = self.clock()

    def __call__(self, what: str, done: int, total: int) -> None:
        """So much of the work is done; `total` 0 = nobody knows of how much."""
        now = self.clock()
        if now - self._said >= self.every:
            self._said = now
            self.say(f"{what}: {done:,} of {total:,}" if total else f"{what}: {done:,}")


@dataclass
class WaitingLines:
    """Tells on standard error who is waited for and how long already: at once, and then every so many seconds."""

    every: float = field(default_factory=lambda: EVERY)
    say: Callable[[str], object] = print_message
    _next: float = 0.0

    def __call__(self, who: str, seconds: float) -> None:
        """So many seconds were waited."""
        if seconds >= self._next:
            self._next = seconds + self.every
            self.say(f"waiting for {who}, {seconds:.0f} s")
