"""UDP listener of syslog: one message per datagram; counts kernel drops.

Source: RFC 5426; socket(7) on SO_RXQ_OVFL
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

from nephoscope.ingest.live.live_source import QuarantinedInput, ReceivedLines
from nephoscope.ingest.live.syslog.message_buffer import SyslogIntake
from nephoscope.ingest.live.syslog.message_framing import decode_message
from nephoscope.ingest.source_failures import SourceError

_SO_RXQ_OVFL = 40
_SO_RCVBUFFORCE = 33
_BUFFER = 64 * 1024 * 1024
_MAX_DATAGRAM = 65_535
#: Datagrams that are read before they are put away together.
_TOGETHER = 256


class UdpListener:
    """Listens on one address until `close`; `dropped` is told how many datagrams the kernel dropped since the last time."""

    def __init__(
        self, address: tuple[str, int], intake: SyslogIntake, limit: int, dropped: Callable[[int], None]
    ) -> None:
        self._intake, self._limit, self._dropped = intake, limit, dropped
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            _enlarge_receive_buffer(self._socket)
            self._socket.bind(address)
        except OSError as error:
            self._socket.close()
            raise SourceError(f"udp {address[0]}:{address[1]}: {error.strerror}") from error
        self._socket.settimeout(0.2)
        self.port: int = self._socket.getsockname()[1]
        self._lost = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run_loop, name=f"syslog udp {self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read what has arrived, then stop."""
        self._stop.set()
        self._thread.join()
        self._socket.close()

    def _run_loop(self) -> None:
        while True:
            if not self._intake.wait_for_room(0.2):
                continue
            if not self._read_datagrams() and self._stop.is_set():
                return

    def _read_datagrams(self) -> bool:
        """Read some datagrams; whether there were any."""
        groups: dict[str, list[str]] = {}
        some = False
        self._socket.settimeout(0.2)
        for _ in range(_TOGETHER):
            try:
                data, control, _, sender = self._socket.recvmsg(_MAX_DATAGRAM, 64)
            except (TimeoutError, BlockingIOError):
                break
            except OSError:
                # An ICMP error about something that was sent from here: nothing was, and the next read goes on.
                break
            some = True
            self._socket.settimeout(0)
            self._count_overflow(control)
            self._add_message(groups, data, sender[0])
        for peer, texts in groups.items():
            self._intake.put(ReceivedLines(peer, tuple(texts)))
        return some

    def _add_message(self, groups: dict[str, list[str]], data: bytes, peer: str) -> None:
        if len(data) > self._limit:
            reason = f"a message of {len(data)} bytes, over {self._limit}"
            self._intake.put(
                QuarantinedInput(f"syslog://{peer}", "datagram", reason, decode_message(data[:4096]))
            )
        elif text := decode_message(data):
            groups.setdefault(peer, []).append(text)

    def _count_overflow(self, control: list[tuple[int, int, bytes]]) -> None:
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                total = struct.unpack("I", data[:4])[0]
                if total != self._lost:
                    self._dropped((total - self._lost) & 0xFFFFFFFF)
                    self._lost = total


def _enlarge_receive_buffer(sock: socket.socket) -> None:
    """As much room in the kernel as it gives, and the count of what it drops (Linux)."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
    for option, value in ((_SO_RCVBUFFORCE, _BUFFER), (_SO_RXQ_OVFL, 1)):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, value)
        except OSError:
            # Only root may force the size, and only Linux counts: both are a gain where they are there.
            continue
