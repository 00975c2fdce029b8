"""Lease renewal: a thread renews a lease while its work lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from nephoscope.state.database.state_errors import StateError
from nephoscope.state.leases.leases import Lease, LeaseLostError, Leases

SECONDS = 60.0
"""How long the work of a process that was killed waits for another."""
WATCH = 0.5
"""Seconds between two looks at what runs."""


@dataclass(slots=True)
class Turns:
    """The turns of one worker, with a thread that renews them and looks after what runs (`watch`); use it with `with`."""

    leases: Leases
    holder: str
    seconds: float = SECONDS
    watch: Callable[[], None] = lambda: None
    _held: dict[str, Lease] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Turns:
        self._ended.clear()
        self._thread = threading.Thread(target=self._renew_leases, name="turns", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    @contextmanager
    def acquire(self, name: str) -> Iterator[Lease | None]:
        """The lease while the block lasts, None where another worker has it."""
        lease = self.acquire_available([name]).get(name)
        try:
            yield lease
        finally:
            if lease is not None:
                self.drop([lease])
                lease.release()

    def acquire_available(self, names: Collection[str]) -> dict[str, Lease]:
        """The leases of those names that no other worker has; held until whoever took them gives them back, and drops them here."""
        taken = self.leases.acquire_available(names, self.holder, self.seconds)
        with self._lock:
            self._held.update(taken)
        return taken

    def drop(self, several: Iterable[Lease]) -> None:
        """Renew these no more."""
        with self._lock:
            for lease in several:
                self._held.pop(lease.name, None)

    def _renew_leases(self) -> None:
        """Look after what runs, and renew what is held, until the end."""
        renewed = monotonic()
        while not self._ended.wait(min(WATCH, self.seconds / 4)):
            with suppress(
                StateError
            ):  # another process writes for long: whoever keeps outcomes next keeps these too
                self.watch()
            if monotonic() - renewed >= self.seconds / 4:
                self._renew()
                renewed = monotonic()

    def _renew(self) -> None:
        """Renew what is held; one that is lost is found out by whoever wants to commit under it."""
        with self._lock:
            held = list(self._held.values())
        for lease in held:
            try:
                lease.renew(self.seconds)
            except LeaseLostError:
                self.drop([lease])
            except StateError:  # another process writes for long: tried again with the next round
                continue
