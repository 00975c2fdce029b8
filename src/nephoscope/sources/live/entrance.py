"""Lets connections in at a listening socket: so many at once, so many of one address, and a handshake only so long.

A connection counts from the moment it is accepted, before it has shown anything. Where files run short, nothing is accepted for a
moment, and that is told once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from nephoscope.sources.live import descriptors
from nephoscope.sources.live.seldom import Seldom

#: Connections that are accepted before others have their turn on the loop.
_AT_ONCE = 100
#: Seconds without accepting after the system refused to.
_PAUSE = 1.0
#: Seconds that the other side has to answer the goodbye of TLS.
_GOODBYE = 5.0
#: A peer that is gone without a word is found after about five minutes of silence.
_KEEP_ALIVE = (("TCP_KEEPIDLE", 180), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Open connections, those of one address (of one /64 in IPv6), seconds for a TLS handshake.

    `free` are addresses that are not bound by themselves: those of proxies.
    """

    connections: int
    per_address: int
    handshake: float
    free: frozenset[str] = frozenset()


#: Makes the protocol of a connection, which calls what it is given once the connection is lost.
Make = Callable[[Callable[[], None]], asyncio.Protocol]


@dataclass(eq=False)
class Entrance:
    """Lets in from `open` to `close`, on the running loop. `told` gets what was refused and why, as (key of the error, text)."""

    listener: socket.socket
    bounds: Bounds
    make: Make
    told: Seldom
    tls: ssl.SSLContext | None = None
    _shares: Counter[str] = field(default_factory=Counter)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _again: asyncio.TimerHandle | None = None
    _highest: int = 0

    @property
    def count(self) -> int:
        """Connections that are open."""
        return self._shares.total()

    def open(self) -> None:
        """Begin to accept."""
        self.listener.setblocking(False)
        self._highest = descriptors.for_connections(descriptors.raised())
        asyncio.get_running_loop().add_reader(self.listener.fileno(), self._accept)

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

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, address = self.listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(error)
                return
            self._admit(accepted, str(address[0]) if address else "")

    def _pause(self, error: OSError) -> None:
        """Without a pause the loop would find the same socket ready, and fail, for ever."""
        self.told("event:accept", f"no connection can be accepted: {error.strerror}; {self.count} are open")
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.listener.fileno())
        self._again = loop.call_later(_PAUSE, loop.add_reader, self.listener.fileno(), self._accept)

    def _admit(self, accepted: socket.socket, peer: str) -> None:
        share = share_of(peer)
        if refused := self._refusal(accepted, peer, share):
            self.told("event:refused", f"a connection from {peer} was refused: {refused}")
            accepted.close()
            return
        self._shares[share] += 1
        task = asyncio.get_running_loop().create_task(self._let_in(accepted, peer, _Place(self, share)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refusal(self, accepted: socket.socket, peer: str, share: str) -> str:
        """Why one more is too many, '' where it is not."""
        if self.count >= self.bounds.connections:
            return f"{self.count} are open"
        if self._shares[share] >= self.bounds.per_address and peer not in self.bounds.free:
            return f"{self._shares[share]} of that address are open"
        # The system gives the lowest number that is free: a high one says that as many files are open.
        if accepted.fileno() >= self._highest:
            return f"{accepted.fileno()} files are open, and the rest are kept for writing"
        return ""

    async def _let_in(self, accepted: socket.socket, peer: str, place: _Place) -> None:
        handshake, goodbye = (self.bounds.handshake, _GOODBYE) if self.tls is not None else (None, None)
        try:
            _keep_alive(accepted)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self.make(place.leave), accepted, ssl=self.tls,
                ssl_handshake_timeout=handshake, ssl_shutdown_timeout=goodbye,
            )  # fmt: skip
        except BaseException as error:
            place.leave()
            accepted.close()
            if not isinstance(error, OSError):
                raise
            self.told(
                "event:handshake", f"{'TLS with ' if self.tls is not None else ''}{peer}: {_reason(error)}"
            )

    def left(self, share: str) -> None:
        """A connection has ended."""
        self._shares[share] -= 1
        if self._shares[share] <= 0:
            del self._shares[share]


@dataclass(slots=True)
class _Place:
    """The place that one connection takes, given back once."""

    entrance: Entrance
    share: str
    taken: bool = True

    def leave(self) -> None:
        if self.taken:
            self.taken = False
            self.entrance.left(self.share)


def share_of(address: str) -> str:
    """What an address is counted as: an IPv6 address is its /64, of which a host may use every address; '' for a local socket."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(found) >> 64 << 64, 64)))


def _keep_alive(accepted: socket.socket) -> None:
    if accepted.family == socket.AF_UNIX:
        return
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE:
        # Not every system lets the times be set; each has its own then, of hours as a rule.
        if hasattr(socket, name):
            accepted.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason)
    return error.strerror or str(error) or type(error).__name__
