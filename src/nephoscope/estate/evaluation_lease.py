"""Evaluation lease: one process at a time evaluates a data folder's estate and stores the result.

A lease says whose; docs/decisions/0159-evaluations-take-turns.md says why the tables check for themselves all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from nephoscope.estate.estate_store import StoreError
from nephoscope.state.leases.lease_renewal import Turns
from nephoscope.state.leases.leases import Lease, LeaseLostError, Leases

LEASE = "evaluating"
SERVER_LEASE = "assessing"
"""The lease of the one server whose worker assesses; that worker takes both leases as the same holder."""
POLL_SECONDS = 0.5

#: Called while another process has the turn, with its name in words and the seconds waited so far.
Waiting = Callable[[str, float], None]


class TurnTakenError(StoreError):
    """Another process has the turn, and had it for as long as was to be waited."""


class TurnLostError(StoreError):
    """Another process took the turn meanwhile: what was judged is not kept."""

    def __init__(self) -> None:
        super().__init__(
            "another evaluation took over while this one stood still: what this one found is not kept, and what was kept before "
            "is as it was; run it again"
        )


class EstateTurn(msgspec.Struct, frozen=True):
    """The turn of this process, which a thread renews."""

    lease: Lease
    seconds: float

    def check(self) -> None:
        """TurnLostError where another process has taken the turn; else it is held for its whole time again."""
        try:
            self.lease.renew(self.seconds)
        except LeaseLostError as error:
            raise TurnLostError from error


@contextmanager
def acquire_estate_turn(turns: Turns, wait: float, waiting: Waiting) -> Iterator[EstateTurn]:
    """The turn while the block lasts; TurnTakenError where another process has it for longer than `wait` seconds."""
    lease = _acquire_lease(turns, wait, waiting)
    try:
        yield EstateTurn(lease, turns.seconds)
    finally:
        turns.drop([lease])
        lease.release()


def _acquire_lease(turns: Turns, wait: float, waiting: Waiting) -> Lease:
    began = time.monotonic()
    while True:
        lease = turns.acquire_available([LEASE]).get(LEASE)
        if lease is not None:
            return lease
        who, waited = _describe_holder(turns.leases), time.monotonic() - began
        if waited >= wait:
            raise TurnTakenError(f"{who} is still running in this data folder after {waited:.0f} s")
        waiting(who, waited)
        time.sleep(min(POLL_SECONDS, wait - waited))


def _describe_holder(leases: Leases) -> str:
    """Return what has the turn, in words."""
    holder = leases.find_holder(LEASE)
    return (
        "the server's assessment" if holder and holder == leases.find_holder(SERVER_LEASE) else "another scan"
    )
