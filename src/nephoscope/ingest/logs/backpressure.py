"""Backpressure: wait while the lake rejects writes, and report it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from nephoscope.lake.errors import NoRoomError, SpoolFullError

PAUSE, AGAIN = 0.5, 60.0
"""Seconds between two tries, and between two times of saying why it waits."""


@dataclass
class LakeWait:
    """One wait: `tell` is told why, and when it is over; `patience` in seconds holds for a full spool, which empties by itself."""

    tell: Callable[[str], object]
    patience: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep
    _began: float | None = None
    _told: float | None = None

    def pause(self, error: SpoolFullError) -> None:
        """Wait a moment; the error where that has lasted for too long."""
        now = self.clock()
        self._began = now if self._began is None else self._began
        full = isinstance(error, NoRoomError)
        if not full and now - self._began > self.patience:
            raise error
        # a spool is full for a moment whenever reading is quicker than writing
        if (full or now - self._began > PAUSE * 10) and (self._told is None or now - self._told >= AGAIN):
            self._told = now
            why = str(error).removesuffix(": try again later")
            self.tell(f"{why}: waits until there is room")
        self.sleep(PAUSE)

    def finish(self) -> None:
        """End the wait and report that ingestion continues."""
        if self._told is not None:
            self.tell("there is room again: ingestion continues")
        self._began = self._told = None
