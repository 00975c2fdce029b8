"""Query limits: stop a running query on timeout, cancellation or memory growth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from nephoscope_kql.deadline import RunLimits, get_current_limits, set_deadline_within
from nephoscope_kql.engines.memory_accounting import (
    LEDGER,
    LOCK,
    ChargedQuery,
    measure_resident_memory,
    release_memory,
)
from nephoscope_kql.errors import NOWHERE, KqlError

INTERVAL = 0.01
"""Seconds between two looks at the memory."""
TOO_MUCH = "the query needs more memory than it is allowed"


def make_memory_limit_error() -> KqlError:
    """The error of a query that reached its memory limit."""
    return KqlError(TOO_MUCH, NOWHERE, "unsupported")


@dataclass(eq=False)
class Watch:
    """A thread that calls `interrupt`, again and again until the query has ended, once a limit is reached.

    One call can be lost: between two statements of a query nothing runs that it could reach.
    """

    interrupt: Callable[[], object]
    limits: RunLimits
    charged: ChargedQuery
    full: Callable[[], bool]
    reason: KqlError | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Watch until the query has ended."""
        while not self._ended.wait(INTERVAL):
            self.reason = self.reason or self._check_limits()
            if self.reason is not None:
                self.interrupt()

    def find_exceeded_limit(self) -> KqlError | None:
        """Return the limit that the query has reached, None where it has reached none."""
        return self.reason or self.limits.error

    def _check_limits(self) -> KqlError | None:
        if (error := self.limits.error) is not None:
            return error
        if self.full():
            return make_memory_limit_error()
        with LOCK:
            return (
                make_memory_limit_error()
                if LEDGER.is_termination_required(self.charged, measure_resident_memory())
                else None
            )

    def stop(self) -> None:
        """The query has ended."""
        self._ended.set()


@contextmanager
def watch_limits(
    interrupt: Callable[[], object], timeout: float | None, allowed: int, full: Callable[[], bool]
) -> Iterator[Watch]:
    """Watch what happens inside: `interrupt` is called where it takes longer than `timeout` seconds, passes the deadline that is
    set outside, is cancelled, makes the process grow by more than `allowed` bytes, or is `full`; `reason` of the watch says so then.
    """
    with set_deadline_within(timeout):
        watch = Watch(interrupt, get_current_limits(), ChargedQuery(allowed), full)
        with LOCK:
            LEDGER.start_query(watch.charged, measure_resident_memory())
        thread = threading.Thread(target=watch.run, name="kql watch", daemon=True)
        thread.start()
        try:
            yield watch
        finally:
            watch.stop()
            thread.join()
            with LOCK:
                LEDGER.end_query(watch.charged, measure_resident_memory())
            release_memory()
