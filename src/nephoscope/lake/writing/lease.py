"""The lease of a data folder: its holder flushes, joins files, drops old days and vacuums."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence

from nephoscope.lake.writing.lake_ledger import LeaseHandle, WriterLedger
from nephoscope.state.ingestion.ingest_stats import Arrivals

NAME = "flush"
SECONDS = 30.0


class WriterLease:
    """The lease as this process has it; safe for threads. Losing it in mid-work harms nothing: commits check for themselves."""

    def __init__(self, ledger: WriterLedger, seconds: float = SECONDS) -> None:
        self._ledger, self._seconds = ledger, seconds
        self._lock = threading.Lock()
        self._held: LeaseHandle | None = None
        self._renewed = 0.0

    def acquire_term(self) -> int:
        """The fencing number under which it is held, taken or renewed where that is due; 0 where another holds it."""
        with self._lock:
            if self._held is not None and (
                time.monotonic() - self._renewed < self._seconds / 3 or self._renew_lease()
            ):
                return self._held.fence
            self._renewed = time.monotonic()
            self._held = self._ledger.lease(NAME, self._seconds)
            return 0 if self._held is None else self._held.fence

    def settle(
        self,
        sequences: Mapping[str, int],
        arrivals: Mapping[str, Sequence[Arrivals]],
        there: Collection[str],
    ) -> bool:
        """Held.settle under the lease; False where another holds it."""
        self.acquire_term()
        with self._lock:
            return self._held is not None and self._held.settle(sequences, arrivals, there)

    def release(self) -> None:
        """Give it up, so that another need not wait."""
        with self._lock:
            if self._held is not None:
                self._held.release()
                self._held = None

    def _renew_lease(self) -> bool:
        self._renewed = time.monotonic()
        return self._held is not None and self._held.renew()
