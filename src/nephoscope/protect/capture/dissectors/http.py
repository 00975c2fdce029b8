"""HTTP/1: messages with their bodies, the names that clients ask for, and what a tunnel carries."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from typing import TYPE_CHECKING

import msgspec

from nephoscope.protect.capture.dissectors.media import call_media
from nephoscope.protect.capture.packet import Incomplete
from nephoscope.protect.capture.ports import METHODS, TCP_PORTS, WORDS, is_dcerpc, is_http2

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

#: The longest head of a message, and the most that a body unpacks to.
LONGEST_HEAD = 256 * 1024
LARGEST_BODY = 16 * 1024 * 1024
_WITHOUT_BODY = (204, 304)
_HEADER = re.compile(
    rb"(?mi)^[ \t]*(host|content-length|content-type|content-encoding|transfer-encoding|connection|proxy-connection|authorization|"
    rb"upgrade)[ \t]*:([^\n]*)"
)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[^\r\n]*\r?\n")


class _Memory(msgspec.Struct):
    """What a stream's requests said that their responses depend on."""

    methods: list[bytes] = []
    tunnel: int = 0
    is_open: bool = False
    upgraded: str = ""
    seen: bool = False


def _read_state(packet: Packet) -> _Memory:
    found = packet.remember("http", _Memory)
    return found if isinstance(found, _Memory) else _Memory()


def dissect_http(data: bytes, packet: Packet) -> Outcome:
    """One message; what is none belongs to a tunnel, or continues something that was not seen."""
    state = _read_state(packet)
    if state.upgraded or is_http2(data):
        return _call_upgraded_dissector(packet, state, data)
    is_response = data.startswith(b"HTTP/")
    if not is_response and not METHODS.match(data[:64]):
        if packet.can_wait and not state.is_open and _may_begin(data):
            return Incomplete(Incomplete.ONE_SEGMENT)
        return _dissect_unknown_message(data, packet, state)
    state.seen = True
    head_end = _find_end_of_head(data)
    if head_end < 0:
        if packet.can_wait and len(data) < LONGEST_HEAD:
            return Incomplete(Incomplete.ONE_SEGMENT)
        head_end = len(data)
    line, _, rest = data[:head_end].partition(b"\n")
    line, headers = line.removesuffix(b"\r"), _read_headers(rest)
    outcome = _find_body_end(data, head_end, line, headers, state, packet, is_response=is_response)
    if isinstance(outcome, Incomplete):
        return outcome
    packet.add("http")
    if is_response:
        _record_response(line, headers, state)
    else:
        _record_request(line, headers, state, packet)
    body = data[head_end:outcome]
    if body:
        _dissect_body(body, headers, packet)
    return outcome


def _call_upgraded_dissector(packet: Packet, state: _Memory, data: bytes) -> Outcome:
    """What a connection is after an upgrade, or from its preface on."""
    if state.upgraded != "websocket" or is_http2(data):
        state.upgraded = "h2"
        return _call_dissector(packet, "http2", data)
    return _call_dissector(packet, "websocket", data)


def _may_begin(data: bytes) -> bool:
    """Return whether bytes are the beginning of the first word of a message."""
    return len(data) < 16 and (b"HTTP/1.".startswith(data) or any(word.startswith(data) for word in WORDS))


def _call_dissector(packet: Packet, name: str, data: bytes) -> Outcome:
    packet.add("http")
    return packet.call(name, data)


def _dissect_unknown_message(data: bytes, packet: Packet, state: _Memory) -> Outcome:
    """Bytes that begin no message."""
    if state.is_open:
        name = TCP_PORTS.get(state.tunnel, "")
        packet.add("http")
        if name and name != "http":
            return packet.call(name, data)
        packet.call_data(data)
        return len(data)
    if is_dcerpc(data) and state.seen:
        return _call_dissector(packet, "dcerpc", data)
    packet.add("http")
    packet.call_data(data)
    return len(data)


def _find_end_of_head(data: bytes) -> int:
    """The place behind the empty line, -1 where there is none yet."""
    place = data.find(b"\r\n\r\n")
    other = data.find(b"\n\n", 0, place if place >= 0 else len(data))
    if other >= 0:
        return other + 2
    return place + 4 if place >= 0 else -1


def _read_headers(head: bytes) -> dict[bytes, bytes]:
    """The headers that are looked at, by lower-cased name; of several of a name the first."""
    found: dict[bytes, bytes] = {}
    for name, value in _HEADER.findall(head):
        found.setdefault(name.lower(), value.strip())
    return found


def _find_body_end(
    data: bytes,
    start: int,
    line: bytes,
    headers: dict[bytes, bytes],
    state: _Memory,
    packet: Packet,
    *,
    is_response: bool,
) -> int | Incomplete:
    """The place behind the body, or what of it is not here yet."""
    if is_response and _has_no_body(line, state):
        return start
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        return _find_chunks_end(data, start, packet)
    length_text = headers.get(b"content-length", b"")
    if length_text.isdigit():
        end = start + int(length_text[:12])
        if len(data) < end and packet.can_wait:
            return Incomplete(end - len(data))
        return min(end, len(data))
    if not is_response:
        return start
    connection = headers.get(b"connection", b"").lower() + headers.get(b"proxy-connection", b"").lower()
    if b"content-type" in headers and b"keep-alive" not in connection and packet.can_wait:
        return Incomplete(Incomplete.UNTIL_END)
    return len(data)


def _has_no_body(line: bytes, state: _Memory) -> bool:
    words = line.split(None, 2)
    status = int(words[1]) if len(words) > 1 and words[1].isdigit() and len(words[1]) < 5 else 0
    method = state.methods[0] if state.methods else b""
    return (
        status in _WITHOUT_BODY
        or 100 <= status < 200
        or method == b"HEAD"
        or (method == b"CONNECT" and status == 200)
    )


def _find_chunks_end(data: bytes, start: int, packet: Packet) -> int | Incomplete:
    place = start
    while True:
        line = _CHUNK.match(data, place)
        if line is None:
            if packet.can_wait and len(data) - place < 64:
                return Incomplete(Incomplete.ONE_SEGMENT)
            return len(data)
        size = int(line[1], 16)
        place = line.end() + size + (2 if size else 0)
        if size == 0:
            rest = data[place : place + 2]
            if rest == b"\r\n":
                return place + 2
            end = _find_end_of_head(data[place:])
            if end < 0 and packet.can_wait and len(data) - place < 4096:
                return Incomplete(Incomplete.ONE_SEGMENT)
            return place + end if end >= 0 else len(data)
        if place > len(data):
            return Incomplete(place - len(data)) if packet.can_wait else len(data)


def _record_request(line: bytes, headers: dict[bytes, bytes], state: _Memory, packet: Packet) -> None:
    words = line.split(b" ")
    state.methods.append(words[0])
    del state.methods[:-64]
    target = words[1] if len(words) > 1 else b""
    if words[0] == b"CONNECT":
        port = target.rpartition(b":")[2]
        state.tunnel = int(port) if port.isdigit() and len(port) < 6 else 0
    packet.name("http_uris", _decode_text(target))
    if b"host" in headers:
        packet.name("http_hosts", _decode_text(headers[b"host"]))
    scheme, _, secret = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"basic":
        try:
            user = base64.b64decode(secret, validate=True).partition(b":")[0]
        except binascii.Error:
            return
        packet.credential("http", _decode_text(user))


def _record_response(line: bytes, headers: dict[bytes, bytes], state: _Memory) -> None:
    words = line.split()
    status = words[1] if len(words) > 1 else b""
    if status == b"101":
        word = headers.get(b"upgrade", b"").lower()
        state.upgraded = "websocket" if word == b"websocket" else "h2" if word == b"h2c" else ""
    if state.methods and not status.startswith(b"1"):
        method = state.methods.pop(0)
        state.is_open = state.is_open or (method == b"CONNECT" and status.startswith(b"2"))


def _decode_text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _dissect_body(body: bytes, headers: dict[bytes, bytes], packet: Packet) -> None:
    if b"chunked" in headers.get(b"transfer-encoding", b"").lower():
        body = _join_chunks(body)
    if not body:
        return
    encoding = headers.get(b"content-encoding", b"").lower()
    if encoding and encoding != b"identity":
        unpacked = _unpack_body(body, encoding)
        if unpacked is None:
            packet.call_data(body)
            return
        body = unpacked
    call_media(headers.get(b"content-type", b""), body, packet)


def _join_chunks(body: bytes) -> bytes:
    found, place = bytearray(), 0
    while (line := _CHUNK.match(body, place)) is not None and (size := int(line[1], 16)):
        found += body[line.end() : line.end() + size]
        place = line.end() + size + 2
    return bytes(found)


def _unpack_body(body: bytes, encoding: bytes) -> bytes | None:
    """An unpacked body, cut at LARGEST_BODY; None where it cannot be unpacked."""
    windows = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}.get(encoding, ())
    for window in windows:
        try:
            found = zlib.decompressobj(window).decompress(body, LARGEST_BODY)
        except zlib.error:
            continue
        if found:
            return found
    return None


DISSECTORS = {"http": dissect_http}
