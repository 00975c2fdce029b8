"""Listener: accept connections with limits in total, per address and on handshake time.

A connection counts from the moment it is accepted, before it has shown anything. Where files run short, nothing is accepted for a
moment, and that is told once.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.ingest.live import file_descriptors
from nephoscope.ingest.live.connection_budget import ConnectionBudget, ConnectionLimits, ConnectionSlot
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter

#: Connections that are accepted before others have their turn on the loop.
_AT_ONCE = 100
#: Seconds without accepting after the system refused to.
_PAUSE = 1.0
#: Seconds that the other side has to answer the goodbye of TLS.
_GOODBYE = 5.0
#: A peer that is gone without a word is found after about five minutes of silence.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 180), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))


#: Makes the protocol of a connection, which leaves its place once the connection is lost.
Make = Callable[[ConnectionSlot], asyncio.Protocol]


@dataclass(eq=False)
class Listener:
    """Lets in from `open` to `close`, on the running loop. `told` gets what was refused and why, as (key of the error, text).

    A connection has proven something after its TLS handshake. Where it `awaits_head`, only its protocol says so, after the head of a
    request.
    """

    listener: socket.socket
    bounds: ConnectionLimits
    make: Make
    told: LogRateLimiter
    tls: ssl.SSLContext | None = None
    awaits_head: bool = False
    budget: ConnectionBudget = field(init=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _again: asyncio.TimerHandle | None = None
    _highest: int = 0

    def __post_init__(self) -> None:
        self.budget = ConnectionBudget(self.bounds)

    @property
    def count(self) -> int:
        """Connections that are open."""
        return self.budget.count

    def open(self) -> None:
        """Begin to accept."""
        self.listener.setblocking(False)
        self._highest = file_descriptors.compute_connection_limit(file_descriptors.raise_limit())
        asyncio.get_running_loop().add_reader(self.listener.fileno(), self._accept_connections)

    def close(self) -> None:
        """Accept no more, and close the socket; those that were let in stay."""
        if self.listener.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self.listener.fileno())
        if self._again is not None:
            self._again.cancel()
        self.listener.close()

    async def wait_closed(self) -> None:
        """End the handshakes that are under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept_connections(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = self.listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause_after_error(error)
                return
            self._admit(accepted, str(address[0]) if address else "")

    def _pause_after_error(self, error: OSError) -> None:
        """Without a pause the loop would find the same socket ready, and fail, for ever."""
        self.told("event:accept", f"no connection can be accepted: {error.strerror}; {self.count} are open")
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.listener.fileno())
        self._again = loop.call_later(
            _PAUSE, loop.add_reader, self.listener.fileno(), self._accept_connections
        )

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        # The system gives the lowest number that is free: a high one says that as many files are open.
        short = accepted.fileno() >= self._highest
        displaced = self.budget.displaced
        place = self.budget.admit(peer, full=short)
        if isinstance(place, str):
            why = f"{accepted.fileno()} files are open, and the rest are kept for writing" if short else place
            self.told("event:refused", f"a connection from {peer} was refused: {why}")
            accepted.close()
            return
        if self.budget.displaced > displaced:
            self.told(
                "event:displaced",
                f"{self.count} connections are open, {self.budget.unproven} of which have sent nothing yet: one of them was closed "
                f"for one from {peer}",
            )
        if self.tls is None and not self.awaits_head:
            place.mark_proven()
        task = asyncio.get_running_loop().create_task(self._admit_connection(accepted, peer, place))
        place.close = task.cancel
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._end_connection(done, accepted))

    def _end_connection(self, task: asyncio.Task[None], accepted: socket.socket) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # also before its first step, where nothing of it has closed the socket
            accepted.close()

    async def _admit_connection(self, accepted: socket.socket, peer: str, place: ConnectionSlot) -> None:
        handshake, goodbye = (self.bounds.handshake, _GOODBYE) if self.tls is not None else (None, None)
        try:
            _enable_keep_alive(accepted)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self.make(place), accepted, ssl=self.tls,
                ssl_handshake_timeout=handshake, ssl_shutdown_timeout=goodbye,
            )  # fmt: skip
            place.close = transport.abort
            if not self.awaits_head:
                place.mark_proven()
        except BaseException as error:
            place.release()
            accepted.close()
            if not isinstance(error, OSError):
                raise
            self.told(
                "event:handshake",
                f"{'TLS with ' if self.tls is not None else ''}{peer}: {_explain_error(error)}",
            )


def _enable_keep_alive(accepted: socket.socket) -> None:
    if accepted.family == socket.AF_UNIX:
        return
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        # Not every system lets the times be set; each has its own then, of hours as a rule.
        if hasattr(socket, name):
            accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _explain_error(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason)
    return error.strerror or str(error) or type(error).__name__
