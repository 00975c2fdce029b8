"""State ledger: producer positions and flush lease for the lake's writers and flusher."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from nephoscope.state.ingestion.ingest_stats import Arrivals, sum_by_hour
from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.leases.leases import Lease, LeaseLostError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state.state import State


class HeldLease:
    """A lease that this process took; `renew` says whether it still has it."""

    def __init__(self, lease: Lease, seconds: float) -> None:
        self._lease = lease
        self._seconds = seconds
        self._renewed = time.monotonic()

    @property
    def name(self) -> str:
        """The lease's name."""
        return self._lease.name

    @property
    def fence(self) -> int:
        """The fencing number."""
        return self._lease.fence

    def renew(self) -> bool:
        """Hold it on for as long as it was taken; False where another has it."""
        try:
            self._lease = self._lease.renew(self._seconds)
        except LeaseLostError:
            return False
        self._renewed = time.monotonic()
        return True

    def keep(self) -> bool:
        """Renew the lease where a third of its time is over, since a renewal costs a write; return True before that."""
        return time.monotonic() - self._renewed < self._seconds / 3 or self.renew()

    def release(self) -> None:
        """Give it up."""
        self._lease.release()

    def release_in_transaction(self, session: Session) -> None:
        """Give it up in the transaction of what was done under it."""
        self._lease.release_in_transaction(session)


class LakeLease(HeldLease):
    """A lease under which the lake is kept, and what may be noted under it only."""

    def __init__(self, state: State, lease: Lease, seconds: float) -> None:
        super().__init__(lease, seconds)
        self._state = state

    def settle(
        self,
        sequences: Mapping[str, int],
        arrivals: Mapping[str, Sequence[Arrivals]],
        there: Collection[str],
    ) -> bool:
        """Record sequences and count what segments brought, each once, in one transaction; False where the lease is lost."""
        state = self._state
        try:
            with state.transaction() as session:
                # another that took the lease meanwhile has let segments go that this one would count again
                self._lease.check(session)
                new = state.counted_segments.add_segments(session, arrivals, there)
                state.count(session, sum_by_hour(one for id_ in new for one in arrivals[id_]))
                state.producers.record(session, sequences)
        except LeaseLostError:
            return False
        return True


class StateLedger:
    """A state as a ledger; each one is a holder of its own."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._holder = create_holder_name()

    def last(self, producer: str) -> int:
        """The highest recorded sequence of a producer, -1 where there is none."""
        return self._state.producers.last(producer)

    def record(self, sequences: Mapping[str, int]) -> None:
        """Note sequences; a lower one than is known changes nothing."""
        self._state.producers.advance(sequences)

    def prune(self) -> int:
        """Drop the producers of which nothing can come any more; how many."""
        return self._state.producers.prune()

    def lease(self, name: str, seconds: float) -> LakeLease | None:
        """The lease of that name, None where another holds it."""
        found = self._state.leases.acquire(name, self._holder, seconds)
        return None if found is None else LakeLease(self._state, found, seconds)
