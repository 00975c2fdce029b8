"""A fair queue for queries: how many run at once, of everybody and of one principal, and who is next."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, OrderedDict
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limit how many queries run at once, of all and of one principal, how many of one wait, and for how many seconds."""

    total: int = 8
    per_principal: int = 4
    waiting: int = 16
    seconds: float = 60.0


class TooManyQueriesError(Exception):
    """A query that is not run: its principal has too many; `again` is the seconds after which to try again."""

    def __init__(self, message: str, again: int) -> None:
        super().__init__(message)
        self.again = again


@dataclass(eq=False)
class QueryTicket:
    """A query that waits: the event loop that it waits in, and the future that its admission completes."""

    principal: str
    loop: asyncio.AbstractEventLoop
    admitted: asyncio.Future[None]


@dataclass
class QueryCounts:
    """Queries that run and wait now, and how many were refused and cancelled so far."""

    running: int = 0
    waiting: int = 0
    refused: int = 0
    cancelled: int = 0


@dataclass
class QueryQueue:
    """Admits queries: a principal with the fewest that run is next, and of several the one that has waited longest.

    Event loops and threads share it.
    """

    limits: QueryLimits = field(default_factory=QueryLimits)
    refused: int = 0
    cancelled: int = 0
    _running: Counter[str] = field(default_factory=Counter)
    _waiting: OrderedDict[QueryTicket, None] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def enter(self, principal: str) -> None:
        """Wait until a query of a principal may run; TooManyQueriesError where too many of the principal wait, or it waits too long.

        Whoever entered has to `leave`.
        """
        ticket = self._join_queue(principal)
        if ticket is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(ticket.admitted), self.limits.seconds)
        except TimeoutError:
            if self._withdraw_ticket(ticket):
                raise self._build_refusal(
                    f"The query waited {self.limits.seconds:.0f} s in the queue."
                ) from None
        except BaseException:
            if not self._withdraw_ticket(ticket):
                self.leave(principal)  # it was admitted in the same moment
            raise

    def leave(self, principal: str) -> None:
        """Give the place of a query back, from any thread."""
        with self._lock:
            self._running[principal] -= 1
            if self._running[principal] <= 0:
                del self._running[principal]
            while (ticket := self._choose_next_ticket()) is not None:
                del self._waiting[ticket]
                self._running[ticket.principal] += 1
                ticket.loop.call_soon_threadsafe(_complete_admission, ticket.admitted)

    def counts(self) -> QueryCounts:
        """Return how many queries run, wait, were refused and were cancelled."""
        with self._lock:
            return QueryCounts(self._running.total(), len(self._waiting), self.refused, self.cancelled)

    def _join_queue(self, principal: str) -> QueryTicket | None:
        """Take a place (None), or else wait in line; TooManyQueriesError where the line of the principal is full."""
        with self._lock:
            if self._is_place_free(principal):
                self._running[principal] += 1
                return None
            waiting = sum(one.principal == principal for one in self._waiting)
            if waiting < self.limits.waiting:
                loop = asyncio.get_running_loop()
                ticket = QueryTicket(principal, loop, loop.create_future())
                self._waiting[ticket] = None
                return ticket
            running = self._running[principal]
        raise self._build_refusal(f"you have {running} running and {waiting} waiting queries.")

    def _is_place_free(self, principal: str) -> bool:
        return (
            self._running.total() < self.limits.total and self._running[principal] < self.limits.per_principal
        )

    def _choose_next_ticket(self) -> QueryTicket | None:
        free = [one for one in self._waiting if self._is_place_free(one.principal)]
        return min(free, key=lambda one: self._running[one.principal], default=None)

    def _withdraw_ticket(self, ticket: QueryTicket) -> bool:
        """Take a ticket out of the line; False where it was admitted before."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            del self._waiting[ticket]
            return True

    def _build_refusal(self, why: str) -> TooManyQueriesError:
        self.refused += 1
        again = 5
        return TooManyQueriesError(f"Too many queries: {why} Try again in {again} seconds.", again)


def _complete_admission(admitted: asyncio.Future[None]) -> None:
    if not admitted.done():
        admitted.set_result(None)
