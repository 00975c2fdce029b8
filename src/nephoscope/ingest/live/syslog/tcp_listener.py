"""TCP and TLS listener of syslog: one event loop, which stops reading while the buffer is full.

Source: RFC 6587 (TCP), RFC 5425 (TLS)
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass

from nephoscope.ingest.live.connection_budget import ConnectionLimits
from nephoscope.ingest.live.listener import Listener
from nephoscope.ingest.live.live_source import QuarantinedInput, ReceivedLines
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.live.syslog.message_buffer import SyslogIntake
from nephoscope.ingest.live.syslog.message_framing import SyslogFramer, decode_message
from nephoscope.ingest.source_failures import SourceError

#: How long what senders had already sent is read for after the end was asked for.
_DRAIN = 3.0
_QUIET, _STILL = 0.1, 3
_BACKLOG = 1024


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bytes of a message; seconds until the first whole message, and between any two pieces of a stream (0 = for ever)."""

    message: int
    first: float
    idle: float


class _Connection(asyncio.Protocol):
    """One sender; `left` is called when it is gone."""

    def __init__(self, streams: TcpListener, left: Callable[[], None]) -> None:
        self._streams, self._left = streams, left
        self._frames = SyslogFramer(streams.limits.message)
        self._peer = ""
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._read = self._whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else "unknown"
        self._streams.opened += 1
        self._streams.open.add(self)
        self._watch_silence()

    def data_received(self, data: bytes) -> None:
        self._streams.read += 1
        self._read += 1
        self._put_messages(self._frames.feed(data))

    def _put_messages(self, messages: list[bytes]) -> None:
        room = True
        texts = tuple(text for message in messages if (text := decode_message(message)))
        if texts:
            self._whole += 1
            room = self._streams.intake.put(ReceivedLines(self._peer, texts))
        for one in self._frames.over:
            self._whole += 1
            reason = f"a message of {one.length} bytes, over {self._streams.limits.message}"
            if one.came < one.length:
                reason += f"; the connection ended after {one.came} of them"
            room = self._streams.intake.put(self._make_refusal(reason, one.head))
        self._frames.over.clear()
        if not room and self._transport is not None and self._transport.is_reading():
            self._transport.pause_reading()
            self._streams.intake.call_when_room(self._resume)

    def _make_refusal(self, reason: str, raw: bytes) -> QuarantinedInput:
        return QuarantinedInput(f"syslog://{self._peer}", "stream", reason, decode_message(raw))

    def _resume(self) -> None:
        # The loop may have ended meanwhile; then there is nothing to go on with.
        with contextlib.suppress(RuntimeError):
            self._streams.loop.call_soon_threadsafe(self._resume_reading)

    def _resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def eof_received(self) -> None:
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self._left()
        if self._timer is not None:
            self._timer.cancel()
        last, cut = self._frames.finish()
        self._put_messages(last)
        if cut:
            self._streams.intake.put(self._make_refusal("the connection ended inside a message", cut))
        if isinstance(exc, ssl.SSLError):
            self._streams.told("event:broken", f"TLS with {self._peer}: {exc.reason}")
        self._streams.open.discard(self)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def _watch_silence(self) -> None:
        """Close a connection that has been silent for too long, or brings no first message."""
        limits = self._streams.limits
        first = not self._whole and limits.first > 0
        seconds = limits.first if first else limits.idle
        if seconds > 0:
            self._timer = self._streams.loop.call_later(
                seconds, self._check_silence, -1 if first else self._read
            )

    def _check_silence(self, read: int) -> None:
        """`read` is what had been read when the watch began, -1 where nothing whole had been."""
        silent = read == self._read if read >= 0 else not self._whole
        # While the lake is full nothing is read: then the silence is ours.
        if silent and self._transport is not None and self._transport.is_reading():
            self.close()
        else:
            self._watch_silence()


class TcpListener:
    """Listens on addresses until `close`: a thread with an event loop of its own. `failed` is told what went wrong with senders, and
    a key for each kind of it.

    Each address has the connections of `bounds` to itself.
    """

    def __init__(
        self,
        intake: SyslogIntake,
        limits: StreamLimits,
        bounds: ConnectionLimits,
        failed: Callable[[str, str], None],
    ) -> None:
        self.intake, self.limits, self.told = intake, limits, LogRateLimiter(failed)
        self._bounds = bounds
        self.loop = asyncio.new_event_loop()
        self.read = self.opened = 0
        self.open: set[_Connection] = set()
        self._entrances: list[Listener] = []
        self._thread = threading.Thread(target=self._run_loop, name="syslog streams", daemon=True)
        self._thread.start()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(self._handle_loop_error)
        self.loop.run_forever()
        self.loop.close()

    def _handle_loop_error(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """What went wrong on the loop itself."""
        self.told("event:loop", f"{context.get('message')}: {context.get('exception') or ''}"[:300])

    def listen(self, address: tuple[str, int], tls: ssl.SSLContext | None = None) -> int:
        """Listen on every address that a name stands for; the port of the first. Raises SourceError."""
        listeners = _open_sockets(address)
        port: int = listeners[0].getsockname()[1]
        asyncio.run_coroutine_threadsafe(self._open_servers(listeners, tls), self.loop).result()
        return port

    async def _open_servers(self, listeners: list[socket.socket], tls: ssl.SSLContext | None) -> None:
        for listener in listeners:
            entrance = Listener(
                listener, self._bounds, lambda place: _Connection(self, place.release), self.told, tls
            )
            entrance.open()
            self._entrances.append(entrance)

    def close(self) -> None:
        """Take no new connections, read what was sent, end."""
        asyncio.run_coroutine_threadsafe(self._close_connections(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    async def _close_connections(self) -> None:
        # Who waits at the door is let in first: closing it would turn away what has been sent already.
        await asyncio.sleep(_QUIET)
        for entrance in self._entrances:
            entrance.close()
        until, still = self.loop.time() + _DRAIN, 0
        while still < _STILL and self.loop.time() < until:
            seen = self.read, self.opened
            await asyncio.sleep(_QUIET)
            still = still + 1 if seen == (self.read, self.opened) else 0
        for entrance in self._entrances:
            await entrance.wait_closed()
        for connection in list(self.open):
            connection.close()
        until = self.loop.time() + _DRAIN
        while self.open and self.loop.time() < until:
            await asyncio.sleep(0.01)


def _open_sockets(address: tuple[str, int]) -> list[socket.socket]:
    """Sockets that listen on every address that a name stands for; raises SourceError."""
    opened: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, place in dict.fromkeys((one[0], one[4]) for one in found):
            opened.append(socket.create_server(place, family=family, backlog=_BACKLOG))
    except OSError as error:
        for listener in opened:
            listener.close()
        raise SourceError(f"tcp {address[0]}:{address[1]}: {error.strerror}") from error
    return opened
