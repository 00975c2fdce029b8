"""Whose turn a rule is: a lease that is renewed while the rule runs, however long that takes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.lake.state import LeaseLostError, StateError

if TYPE_CHECKING:
    from nephoscope.lake.state import Lease
    from nephoscope.lake.state.leases import Leases

SECONDS = 60.0
"""How long the rule of a worker that was killed waits for another."""


@dataclass(slots=True)
class Turns:
    """The turns of one worker, with a thread that renews them; use it with `with`."""

    leases: Leases
    holder: str
    seconds: float = SECONDS
    _held: dict[str, Lease] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Turns:
        self._ended.clear()
        self._thread = threading.Thread(target=self._renew, name="turns", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def take(self, name: str) -> Iterator[Lease | None]:
        """The lease while the block lasts, None where another worker has it."""
        lease = self.leases.take(name, self.holder, self.seconds)
        if lease is None:
            yield None
            return
        with self._lock:
            self._held[name] = lease
        try:
            yield lease
        finally:
            with self._lock:
                self._held.pop(name, None)
            lease.release()

    def _renew(self) -> None:
        """Renew what is held; one that is lost is found out by whoever wants to commit under it."""
        while not self._ended.wait(self.seconds / 4):
            with self._lock:
                held = list(self._held.values())
            for lease in held:
                try:
                    lease.renew(self.seconds)
                except LeaseLostError:
                    with self._lock:
                        self._held.pop(lease.name, None)
                except StateError:  # another process writes for long: tried again with the next round
                    continue
