"""HTTP/2: frames; bodies of a known type are dissected when a stream ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.hpack import HpackDecoder, HpackError
from nephoscope.protect.capture.dissectors.media import call_media
from nephoscope.protect.capture.packet import Incomplete

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PUSH, CONTINUATION = 0, 1, 5, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 1, 4, 8, 32
LARGEST_FRAME = 16 * 1024 * 1024
#: Streams of a connection whose bodies are kept, and the most bytes of one.
MOST_STREAMS = 256
LARGEST_BODY = 1024 * 1024


@dataclass
class _Http2Direction:
    """A direction: its header table, the header block that goes on, and by stream the content type and body so far."""

    decoder: HpackDecoder = field(default_factory=HpackDecoder)
    block: bytearray = field(default_factory=bytearray)
    types: dict[int, bytes] = field(default_factory=dict)
    bodies: dict[int, bytearray] = field(default_factory=dict)


def dissect_http2(data: bytes, packet: Packet) -> Outcome:
    """The preface or one frame."""
    if data.startswith(PREFACE):
        packet.add("http2")
        return len(PREFACE)
    if len(data) < 9:
        return Incomplete(9 - len(data)) if packet.can_wait else len(data)
    length = int.from_bytes(data[:3], "big")
    if len(data) < 9 + length and packet.can_wait:
        return Incomplete(9 + length - len(data))
    packet.add("http2")
    side = packet.remember(f"http2 {packet.source}:{packet.source_port}", _Http2Direction)
    if isinstance(side, _Http2Direction):
        stream = int.from_bytes(data[5:9], "big") & 0x7FFFFFFF
        _dissect_frame(data[3], data[4], stream, data[9 : 9 + length], side, packet)
    return 9 + length


def _dissect_frame(
    kind: int, flags: int, stream: int, body: bytes, side: _Http2Direction, packet: Packet
) -> None:
    if kind in (DATA, HEADERS, PUSH) and flags & PADDED and body:
        body = body[1 : len(body) - body[0]]
    if kind == HEADERS:
        side.block[:] = body[5 if flags & PRIORITY else 0 :]
    elif kind == CONTINUATION and len(side.block) < LARGEST_BODY:
        side.block += body
    elif kind == DATA:
        held = side.bodies.setdefault(stream, bytearray())
        if len(held) < LARGEST_BODY:
            held += body
    if kind in (HEADERS, CONTINUATION) and flags & END_HEADERS:
        _dissect_headers(stream, side, packet)
    if kind in (DATA, HEADERS) and flags & END_STREAM:
        whole = bytes(side.bodies.pop(stream, b""))
        content_type = side.types.pop(stream, b"")
        if whole:
            call_media(content_type, whole, packet)
    while len(side.bodies) > MOST_STREAMS:
        side.bodies.pop(next(iter(side.bodies)))


def _dissect_headers(stream: int, side: _Http2Direction, packet: Packet) -> None:
    try:
        listed = side.decoder.decode(bytes(side.block))
    except HpackError:
        packet.summary.left_out["malformed HTTP/2 headers"] += 1
        return
    for name, value in listed:
        if name == b"content-type":
            side.types[stream] = value
            while len(side.types) > MOST_STREAMS:
                side.types.pop(next(iter(side.types)))
        elif name == b":authority":
            packet.name("http2_authorities", value.decode("utf-8", "replace"))


DISSECTORS = {"http2": dissect_http2}
