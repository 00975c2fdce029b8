"""Lake ledger: producer positions, flush lease and workspaces that the lake reads from the state."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from nephoscope.state.ingestion.ingest_stats import Arrivals


class LeaseHandle(Protocol):
    """A lease that is held; its fencing number only rises from holder to holder."""

    @property
    def fence(self) -> int:
        """The fencing number."""
        ...

    def renew(self) -> bool:
        """Hold it on; False where it has been lost."""
        ...

    def release(self) -> None:
        """Give it up."""
        ...

    def settle(
        self,
        sequences: Mapping[str, int],
        arrivals: Mapping[str, Sequence[Arrivals]],
        there: Collection[str],
    ) -> bool:
        """Record the sequences of segments whose rows are in their tables and count the `arrivals` of each, all or nothing.

        A segment that was counted is not counted again while it is `there`. False where the lease has been lost: nothing was done.
        """
        ...


class WriterLedger(Protocol):
    """The part of the state that the lake needs; every method is one durable transaction."""

    def last(self, producer: str) -> int:
        """The highest sequence of a producer that was recorded, -1 where there is none."""
        ...

    def record(self, sequences: Mapping[str, int]) -> None:
        """Note the sequences of producers; a lower one than is known changes nothing."""
        ...

    def prune(self) -> int:
        """Drop the producers of which nothing can come any more; how many."""
        ...

    def lease(self, name: str, seconds: float) -> LeaseHandle | None:
        """The lease of that name for so many seconds, None where another holds it."""
        ...
