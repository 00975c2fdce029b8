"""Netlink: messages to and from the kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

AUDIT, CONNECTOR, SOCK_DIAG = 9, 11, 4
REQUEST, ACKNOWLEDGE, DUMP = 0x1, 0x4, 0x300
ERROR, DONE = 2, 3
_HEADER = struct.Struct("=IHHII")
_RECEIVED = 1 << 18
_ACKNOWLEDGE_SECONDS = 5.0


class NetlinkSocket:
    """A socket of one netlink family; `lost` counts how often the kernel dropped messages because nobody read them."""

    def __init__(self, family: int, groups: int = 0, buffer: int = 8 << 20) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
        self.lost = 0
        self._sequence = 0
        for option in (
            33,
            socket.SO_RCVBUF,
        ):  # SO_RCVBUFFORCE, which needs CAP_NET_ADMIN, else what is allowed
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, option, buffer)
                break
            except OSError:
                continue
        try:
            self._socket.bind((0, groups))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self, type_: int, flags: int, payload: bytes) -> int:
        """Send a message; return its sequence."""
        self._sequence += 1
        length = _HEADER.size + len(payload)
        head = _HEADER.pack(length, type_, flags | REQUEST, self._sequence, 0)
        self._socket.sendto(head + payload, (0, 0))
        return self._sequence

    def request(self, type_: int, payload: bytes) -> None:
        """Send a message and wait for the kernel's acknowledgement. Raises OSError where it refuses."""
        self._await(self.send(type_, ACKNOWLEDGE, payload), ERROR)

    def ask(self, type_: int) -> bytes:
        """Return the kernel's answer of the same type. Raises OSError where it refuses."""
        return self._await(self.send(type_, 0, b""), type_)

    def _await(self, sequence: int, wanted: int) -> bytes:
        """Return the answer of a type to a message. Raises OSError for an error."""
        self._socket.settimeout(_ACKNOWLEDGE_SECONDS)
        try:
            while True:
                for got, number, body in _read_messages(self._socket.recv(_RECEIVED)):
                    if number != sequence:
                        continue
                    code = -struct.unpack_from("=i", body)[0] if got == ERROR else 0
                    if code:
                        raise OSError(code, os.strerror(code))
                    if got == wanted:
                        return body
        finally:
            self._socket.settimeout(None)

    def dump(self, type_: int, payload: bytes) -> Iterator[bytes]:
        """Yield every object that the kernel lists. Raises OSError where it refuses."""
        sequence = self.send(type_, DUMP, payload)
        while True:
            for got, number, body in _read_messages(self._socket.recv(_RECEIVED)):
                if number != sequence:
                    continue
                if got == DONE:
                    return
                if got == ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    raise OSError(code, os.strerror(code))
                yield body

    def receive(self) -> Iterator[tuple[int, bytes]]:
        """Yield the messages that wait, and return when there is none."""
        while True:
            try:
                content = self._socket.recv(_RECEIVED, socket.MSG_DONTWAIT)
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    self.lost += 1
                    continue
                if error.errno in (errno.EAGAIN, errno.EINTR):
                    return
                raise
            for type_, _, body in _read_messages(content):
                yield type_, body


def _read_messages(content: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield type, sequence and body of each message."""
    at = 0
    while at + _HEADER.size <= len(content):
        length, type_, _, sequence, _ = _HEADER.unpack_from(content, at)
        # the length of an audit record is that of its text alone in kernels before 2.6.x; a whole datagram is one message
        end = at + max(length, _HEADER.size)
        yield type_, sequence, content[at + _HEADER.size : end]
        at = (end + 3) & ~3
