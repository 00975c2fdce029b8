"""Capture files: a streaming reader of pcap and pcapng.

Sources: https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcap/, https://ietf-opsawg-wg.github.io/draft-ietf-opsawg-pcapng/
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The largest packet that a capture may hold; a longer one is a damaged file.
LARGEST_PACKET = 262_144
#: The largest pcapng block.
LARGEST_BLOCK = 16 * 1024 * 1024
#: Bytes of a pcap file that are read at once.
BLOCK = 256 * 1024
#: Magic of pcap by its first bytes: byte order, fractions of a second.
_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
}
_SECTION, _INTERFACE, _SIMPLE, _OBSOLETE, _ENHANCED = 0x0A0D0D0A, 1, 3, 2, 6
_TSRESOL, _TSOFFSET = 9, 14


class CaptureError(ValueError):
    """A file that is no capture, or a defect from which on nothing more can be read; the message says where."""


class Frame(msgspec.Struct, frozen=True):
    """A captured packet: its number from 1, Unix time in nanoseconds, link type, length on the wire, and the bytes that were kept."""

    number: int
    time: int
    link: int
    length: int
    data: bytes

    @property
    def seconds(self) -> float:
        """Its time in seconds."""
        return self.time // 10**9 + self.time % 10**9 / 1e9


def read_frames(stream: BinaryIO) -> Iterator[Frame]:
    """Yield the packets of a capture; raises CaptureError at a defect, after the packets before it."""
    magic = _read_exactly(stream, 4, "the magic number")
    if magic in _PCAP:
        yield from _read_pcap(stream, *_PCAP[magic])
    elif magic == b"\x0a\x0d\x0d\x0a":
        yield from _PcapngReader(stream).frames()
    else:
        raise CaptureError(f"not a pcap or pcapng file: it starts with {magic.hex()}")


def _read_exactly(stream: BinaryIO, size: int, what: str) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise CaptureError(f"the file ends inside {what}")
    return found


def _read_pcap(stream: BinaryIO, order: str, fractions: int) -> Iterator[Frame]:
    header = struct.unpack(f"{order}HHiIII", _read_exactly(stream, 20, "the file header"))
    link = header[5] & 0x0FFF_FFFF
    record = struct.Struct(f"{order}IIII")
    scale = 10**9 // fractions
    number, place, block = 0, 0, _fill_block(stream, b"", 16)
    while len(block) >= place + 16:
        number += 1
        seconds, part, kept, length = record.unpack_from(block, place)
        if kept > LARGEST_PACKET:
            raise CaptureError(f"packet {number} has {kept} bytes, more than {LARGEST_PACKET}")
        start, end = place + 16, place + 16 + kept
        if end + 16 > len(block):
            block = _fill_block(stream, block[start:], kept + 16)
            start, end = 0, kept
            if len(block) < kept:
                raise CaptureError(f"the file ends inside packet {number}")
        yield Frame(number, seconds * 10**9 + part * scale, link, length, block[start:end])
        place = end
    if len(block) > place:
        raise CaptureError(f"the file ends inside the header of packet {number + 1}")


def _fill_block(stream: BinaryIO, rest: bytes, wanted: int) -> bytes:
    """The rest of a block with what follows: at least the bytes that are wanted, where the file has them."""
    while len(rest) < wanted and (more := stream.read(BLOCK)):
        rest += more
    return rest


class _Interface(msgspec.Struct, frozen=True):
    """An interface of a pcapng section: link type, most bytes of a packet (0 = all), ticks a second, offset in seconds."""

    link: int
    snap: int
    ticks: int
    offset: int


class _PcapngReader:
    """Reads the blocks of a pcapng file; sections may differ in byte order."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._order = "<"
        self._interfaces: list[_Interface] = []
        self._number = 0

    def frames(self) -> Iterator[Frame]:
        """The packets of all sections."""
        kind = _SECTION
        self._start_section()
        while head := self._stream.read(4):
            if len(head) < 4:
                raise CaptureError("the file ends inside a block")
            kind = struct.unpack(f"{self._order}I", head)[0]
            if kind == _SECTION:
                self._start_section()
                continue
            body = self._read_body(kind)
            if kind == _INTERFACE:
                self._interfaces.append(self._read_interface(body))
            elif kind in (_ENHANCED, _SIMPLE, _OBSOLETE):
                self._number += 1
                yield self._read_packet(kind, body)

    def _start_section(self) -> None:
        head = _read_exactly(self._stream, 8, "a section header")
        self._order = "<" if head[4:] == b"\x4d\x3c\x2b\x1a" else ">"
        if struct.unpack(f"{self._order}I", head[4:])[0] != 0x1A2B3C4D:
            raise CaptureError("a section header has no byte order")
        size = struct.unpack(f"{self._order}I", head[:4])[0]
        if not 28 <= size <= LARGEST_BLOCK:
            raise CaptureError(f"a section header of {size} bytes")
        _read_exactly(self._stream, size - 12, "a section header")
        self._interfaces = []

    def _read_body(self, kind: int) -> bytes:
        size = struct.unpack(f"{self._order}I", _read_exactly(self._stream, 4, "a block"))[0]
        if size % 4 or not 12 <= size <= LARGEST_BLOCK:
            raise CaptureError(f"a block of type {kind} with {size} bytes behind packet {self._number}")
        body = _read_exactly(self._stream, size - 12, f"a block behind packet {self._number}")
        _read_exactly(self._stream, 4, "the end of a block")
        return body

    def _read_interface(self, body: bytes) -> _Interface:
        if len(body) < 8:
            raise CaptureError("an interface block that is too short")
        link, _, snap = struct.unpack(f"{self._order}HHI", body[:8])
        ticks, offset, place = 10**6, 0, 8
        while place + 4 <= len(body):
            code, size = struct.unpack(f"{self._order}HH", body[place : place + 4])
            value = body[place + 4 : place + 4 + size]
            place += 4 + size + (-size) % 4
            if code == 0:
                break
            if code == _TSRESOL and value:
                ticks = 2 ** min(value[0] & 0x7F, 60) if value[0] & 0x80 else 10 ** min(value[0], 18)
            if code == _TSOFFSET and size == 8:
                offset = struct.unpack(f"{self._order}q", value)[0]
        return _Interface(link, snap, ticks, offset)

    def _read_packet(self, kind: int, body: bytes) -> Frame:
        if kind == _SIMPLE:
            interface = self._find_interface(0)
            length = struct.unpack(f"{self._order}I", body[:4])[0] if len(body) >= 4 else 0
            kept = min(length, interface.snap or length, len(body) - 4)
            return Frame(self._number, 0, interface.link, length, body[4 : 4 + kept])
        if len(body) < 20:
            raise CaptureError(f"packet {self._number} has no header")
        high, low, kept, length = struct.unpack(f"{self._order}IIII", body[4:20])
        shape = "I" if kind == _ENHANCED else "H"
        index = struct.unpack(f"{self._order}{shape}", body[: 4 if kind == _ENHANCED else 2])[0]
        interface = self._find_interface(index)
        if kept > len(body) - 20 or kept > LARGEST_PACKET:
            raise CaptureError(f"packet {self._number} has {kept} bytes, more than its block")
        stamp = (high << 32) | low
        time = stamp * 10**9 // interface.ticks + interface.offset * 10**9
        return Frame(self._number, time, interface.link, length, body[20 : 20 + kept])

    def _find_interface(self, index: int) -> _Interface:
        if index >= len(self._interfaces):
            raise CaptureError(f"packet {self._number} names interface {index}, which the file lacks")
        return self._interfaces[index]
