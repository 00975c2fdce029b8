"""Message buffer between listeners and lake: bounded, so that a slow lake slows senders down."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.ingest.live.live_source import QuarantinedInput, ReceivedLines

#: Messages and bytes that may wait; one batch is handed over at a time.
WAITING_BYTES = 32 * 1024 * 1024
BATCH_LINES = 10_000
BATCH_SECONDS = 0.2


@dataclass(slots=True)
class SyslogBatch:
    """Batch of syslog messages that is handed over at once, with the refused input."""

    lines: list[ReceivedLines] = field(default_factory=list)
    refused: list[QuarantinedInput] = field(default_factory=list)
    count: int = 0
    size: int = 0


class SyslogIntake:
    """Between the listeners and the one who hands over; safe from many threads."""

    def __init__(self, limit: int = WAITING_BYTES) -> None:
        self._limit = limit
        self._waiting: deque[ReceivedLines | QuarantinedInput] = deque()
        self._bytes = self._count = 0
        self._changed = threading.Condition()
        self._resume: list[Callable[[], None]] = []
        self._ended = False

    def put(self, item: ReceivedLines | QuarantinedInput) -> bool:
        """Add; whether there is room for more. What was read is never dropped here: a reader that is told False stops reading."""
        size = _measure_size(item)
        with self._changed:
            self._waiting.append(item)
            self._bytes += size
            self._count += len(item.texts) if isinstance(item, ReceivedLines) else 1
            self._changed.notify_all()
            return self._bytes < self._limit

    def wait_for_room(self, timeout: float) -> bool:
        """Wait until there is room, at most so many seconds; whether there is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._bytes < self._limit, timeout)

    def call_when_room(self, resume: Callable[[], None]) -> None:
        """Call once as soon as there is room (at once where there is), from any thread."""
        with self._changed:
            if self._bytes >= self._limit:
                self._resume.append(resume)
                return
        resume()

    def close(self) -> None:
        """Nothing more comes: `take` returns what is left, then None."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_batch(self) -> SyslogBatch | None:
        """Wait for the next batch: full, or as old as a batch may get; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            until = time.monotonic() + BATCH_SECONDS
            self._changed.wait_for(
                lambda: self._count >= BATCH_LINES or self._ended, max(0.0, until - time.monotonic())
            )
            if not self._waiting:
                return None
            batch = self._cut_batch()
            resume, self._resume = (self._resume, []) if self._bytes < self._limit else ([], self._resume)
            self._changed.notify_all()
        for call in resume:
            call()
        return batch

    def _cut_batch(self) -> SyslogBatch:
        batch = SyslogBatch()
        while self._waiting and batch.count < BATCH_LINES:
            item = self._waiting.popleft()
            batch.size += _measure_size(item)
            if isinstance(item, ReceivedLines):
                batch.lines.append(item)
                batch.count += len(item.texts)
            else:
                batch.refused.append(item)
                batch.count += 1
        self._bytes -= batch.size
        self._count -= batch.count
        return batch


def _measure_size(item: ReceivedLines | QuarantinedInput) -> int:
    return sum(map(len, item.texts)) + 100 if isinstance(item, ReceivedLines) else len(item.raw) + 200
