"""Request timeouts: HTTP/1.1 in uvicorn with timeouts for head and body."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass

import msgspec

from nephoscope.ingest.live.connection_budget import ConnectionSlot, Phase
from nephoscope.ingest.live.request_head_limits import BoundedHead

#: Bytes of a body that give its sender another second: a large one may take longer, one in drops may not.
_A_SECOND = 16 << 10
_HEAD = b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class RequestTimeouts:
    """Seconds for the head of a request, and for its body, which has one more for every 16 KiB that came.

    `answer` is how long a client may leave unread what waits for it.
    """

    head: float = 20.0
    body: float = 60.0
    answer: float = 60.0


class _Stage(enum.Enum):
    HEAD = enum.auto()
    BODY = enum.auto()
    ANSWER = enum.auto()


_PHASES = {_Stage.HEAD: Phase.IDLE, _Stage.BODY: Phase.BODY, _Stage.ANSWER: Phase.BUSY}


class TimeoutProtocol(BoundedHead):
    """Answers 408 where a request takes too long to come, and closes; says nothing to the silent.

    The connection leaves its `place` when it is gone. Between two requests uvicorn's own limit holds. A client that does not read its
    answer is truncated.
    """

    pace = RequestTimeouts()
    place: ConnectionSlot | None = None
    _stage = _Stage.ANSWER
    _timer: asyncio.TimerHandle | None = None
    _since = 0.0
    _came = 0
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A connection begins."""
        super().connection_made(transport)
        self._check_request_size(0)

    def data_received(self, data: bytes) -> None:
        """More of it."""
        super().data_received(data)
        self._check_request_size(len(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeouts of the closed connection and give its place back."""
        self._stop_timeout()
        if self._unread is not None:
            self._unread.cancel()
        if self.place is not None:
            self.place.release()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """A head has ended: its sender has proven something."""
        if self.place is not None:
            self.place.mark_proven()
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as the answer is made."""
        super().pause_writing()
        self._unread = self.loop.call_later(self.pace.answer, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel the timeout of unread answers, since the client reads again."""
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
        super().resume_writing()

    def get_phase(self) -> Phase:
        """Tell what the connection is doing."""
        return _PHASES[self._find_current_stage()]

    def _check_request_size(self, size: int) -> None:
        stage = self._find_current_stage()
        if stage is not self._stage:
            self._stop_timeout()
            self._stage, self._came, self._since = stage, 0, self.loop.time()
            if stage is not _Stage.ANSWER:
                self._start_timeout(self._choose_timeout())
        self._came += size

    def _find_current_stage(self) -> _Stage:
        if self.cycle is None or self.cycle.response_complete:
            return _Stage.HEAD
        return _Stage.BODY if self.cycle.more_body else _Stage.ANSWER

    def _choose_timeout(self) -> float:
        return self.pace.head if self._stage is _Stage.HEAD else self.pace.body + self._came // _A_SECOND

    def _start_timeout(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._refuse_late)

    def _stop_timeout(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse_late(self) -> None:
        if self.transport.is_closing():
            return
        if self._stage is _Stage.BODY and self.flow.read_paused:
            self._since = self.loop.time()  # it is the application that does not read
        rest = self._since + self._choose_timeout() - self.loop.time()
        if rest > 0:
            self._start_timeout(rest)
        elif self._came:
            self._refuse_request(f"The {self._stage.name.lower()} of the request took too long to come.")
        else:
            self.transport.abort()

    def _refuse_request(self, message: str) -> None:
        """Answer past the application, which learns that its client is gone, and close."""
        if self._stage is _Stage.HEAD or not self.cycle.response_started:
            body = msgspec.json.encode({"error": {"code": "RequestTimeout", "message": message}})
            self.transport.write(_HEAD % len(body) + body)
        self.transport.close()
