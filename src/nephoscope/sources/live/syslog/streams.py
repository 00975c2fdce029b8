"""Syslog over TCP and TLS: many connections on one event loop, which stops reading while the intake is full.

Source: RFC 6587 (TCP), RFC 5425 (TLS)
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from nephoscope.sources.live.source import Lines, Refused, SourceError
from nephoscope.sources.live.syslog.framing import Frames, text_of
from nephoscope.sources.live.syslog.intake import Intake

#: How long what senders had already sent is read for after the end was asked for.
_DRAIN = 3.0
_QUIET, _STILL = 0.1, 3


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of a message, open connections, seconds that a connection may be silent (0 = for ever)."""

    message: int
    connections: int
    idle: float


class _Connection(asyncio.Protocol):
    """One sender."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._frames = Frames(streams.bounds.message)
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._read = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else "unknown"
        if not self._streams.admit(self):
            self._streams.failed(
                f"a connection from {self._peer} was refused: {self._streams.bounds.connections} are open"
            )
            transport.abort()
            return
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._streams.read += 1
        self._read += 1
        self._put(self._frames.feed(data))

    def _put(self, messages: list[bytes]) -> None:
        room = True
        texts = tuple(text for message in messages if (text := text_of(message)))
        if texts:
            room = self._streams.intake.put(Lines(self._peer, texts))
        for length, head in self._frames.over:
            reason = f"a message of {length} bytes, over {self._streams.bounds.message}"
            room = self._streams.intake.put(self._refused(reason, head))
        self._frames.over.clear()
        if not room and self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()
            self._streams.intake.when_room(self._resume)

    def _refused(self, reason: str, raw: bytes) -> Refused:
        return Refused(f"syslog://{self._peer}", "stream", reason, text_of(raw))

    def _resume(self) -> None:
        # The loop may have ended meanwhile; then there is nothing to go on with.
        with contextlib.suppress(RuntimeError):
            self._streams.loop.call_soon_threadsafe(self._go_on)

    def _go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()
        last, cut = self._frames.end()
        self._put(last)
        if cut:
            self._streams.intake.put(self._refused("the connection ended inside a message", cut))
        if isinstance(exc, ssl.SSLError):
            self._streams.failed(f"TLS with {self._peer}: {exc.reason}")
        self._streams.gone(self)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _watch(self) -> None:
        """Close a connection that has been silent for too long."""
        bound = self._streams.bounds.idle
        if bound > 0:
            self._idle = self._streams.loop.call_later(bound, self._check, self._read)

    def _check(self, read: int) -> None:
        if read == self._read and self._transport is not None and self._transport.is_reading():
            self.close()
        else:
            self._watch()


class Streams:
    """Listens on addresses until `close`: a thread with an event loop of its own. `failed` is told what went wrong with a sender."""

    def __init__(self, intake: Intake, bounds: Bounds, failed: Callable[[str], None]) -> None:
        self.intake, self.bounds, self.failed = intake, bounds, failed
        self.loop = asyncio.new_event_loop()
        self.read = self.opened = 0
        self._open: set[_Connection] = set()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._run, name="syslog streams", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._handle)
        self.loop.run_forever()
        self.loop.close()

    def _handle(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A handshake that failed comes here: there is no connection yet that could tell."""
        self.failed(f"{context.get('message')}: {context.get('exception') or ''}"[:300])

    def listen(self, address: tuple[str, int], tls: ssl.SSLContext | None = None) -> int:
        """Listen; the port. Raises SourceError."""
        return asyncio.run_coroutine_threadsafe(self._listen(address, tls), self.loop).result()

    async def _listen(self, address: tuple[str, int], tls: ssl.SSLContext | None) -> int:
        try:
            server = await self.loop.create_server(
                lambda: _Connection(self), *address, ssl=tls, backlog=1024,
                ssl_handshake_timeout=20 if tls else None,
            )  # fmt: skip
        except OSError as error:
            raise SourceError(f"tcp {address[0]}:{address[1]}: {error.strerror}") from error
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def admit(self, connection: _Connection) -> bool:
        """Whether one more connection may stay."""
        if len(self._open) >= self.bounds.connections:
            return False
        self._open.add(connection)
        self.opened += 1
        return True

    def gone(self, connection: _Connection) -> None:
        """A connection has ended."""
        self._open.discard(connection)

    def close(self) -> None:
        """Take no new connections, read what was sent, end."""
        asyncio.run_coroutine_threadsafe(self._close(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    async def _close(self) -> None:
        # Who waits at the door is let in first: closing it would turn away what has been sent already.
        await asyncio.sleep(_QUIET)
        for server in self._servers:
            server.close()
        until, still = self.loop.time() + _DRAIN, 0
        while still < _STILL and self.loop.time() < until:
            seen = self.read, self.opened
            await asyncio.sleep(_QUIET)
            still = still + 1 if seen == (self.read, self.opened) else 0
        for connection in list(self._open):
            connection.close()
        until = self.loop.time() + _DRAIN
        while self._open and self.loop.time() < until:
            await asyncio.sleep(0.01)
