"""TLS: records, handshakes, names, fingerprints and the parts of certificates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nephoscope.protect.capture import fingerprints
from nephoscope.protect.capture.dissectors.certificates import record_certificate
from nephoscope.protect.capture.dissectors.link import read
from nephoscope.protect.capture.packet import Incomplete, MalformedError

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

CHANGE_CIPHER, ALERT, HANDSHAKE, APPLICATION, HEARTBEAT = 20, 21, 22, 23, 24
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
LARGEST_RECORD = 16384 + 2048
#: The largest handshake that is put together.
LARGEST_HANDSHAKE = 256 * 1024


@dataclass
class _TlsDirection:
    """A direction: whether it is encrypted by now, and the part of a handshake that waits for the next record."""

    encrypted: bool = False
    waiting: bytes = b""


def dissect_tls(data: bytes, packet: Packet) -> Outcome:
    """One record; what is none is a continuation."""
    if len(data) < 5:
        if packet.can_wait and data[:1] and 20 <= data[0] <= 24:
            return Incomplete(5 - len(data))
        packet.add("tls")
        return len(data)
    if not (20 <= data[0] <= 24 and data[1] == 3 and data[2] <= 4):
        return _dissect_ssl2_hello(data, packet)
    length = int.from_bytes(data[3:5], "big")
    if not 0 < length <= LARGEST_RECORD:
        packet.add("tls")
        return len(data)
    if len(data) < 5 + length and packet.can_wait:
        return Incomplete(5 + length - len(data))
    packet.add("tls")
    side = packet.remember(f"tls {packet.source}:{packet.source_port}", _TlsDirection)
    if isinstance(side, _TlsDirection):
        _dissect_record(data[0], data[5 : 5 + length], side, packet)
    return 5 + length


def _dissect_ssl2_hello(data: bytes, packet: Packet) -> Outcome:
    """A client's greeting in the format of SSL 2."""
    packet.add("tls")
    if data[0] & 0x80 and data[2] == 1:
        length = int.from_bytes(data[:2], "big") & 0x7FFF
        if len(data) < 2 + length and packet.can_wait:
            return Incomplete(2 + length - len(data))
        return 2 + length
    return len(data)


def _dissect_record(kind: int, body: bytes, side: _TlsDirection, packet: Packet) -> None:
    if kind == CHANGE_CIPHER:
        side.encrypted = True
        side.waiting = b""
    elif kind == HANDSHAKE and not side.encrypted:
        dissect_handshakes(side.waiting + body, side, packet, is_datagram=False)


def dissect_handshakes(data: bytes, side: _TlsDirection, packet: Packet, *, is_datagram: bool) -> None:
    """The handshake messages of a record; the rest waits for the next one."""
    place = 0
    while place + 4 <= len(data):
        kind, size = data[place], int.from_bytes(data[place + 1 : place + 4], "big")
        if kind not in range(25) or size > LARGEST_HANDSHAKE:
            side.waiting = b""
            return
        if place + 4 + size > len(data):
            side.waiting = data[place:]
            return
        try:
            dissect_handshake_message(
                kind, data[place + 4 : place + 4 + size], packet, "d" if is_datagram else "t"
            )
        except (MalformedError, IndexError):
            packet.summary.left_out["malformed TLS handshakes"] += 1
        place += 4 + size
    side.waiting = data[place:]


def dissect_handshake_message(kind: int, body: bytes, packet: Packet, transport: str) -> None:
    """Note the names and fingerprints of one handshake message."""
    if kind == CLIENT_HELLO:
        hello = parse_client_hello(body)
        if hello.name:
            packet.name("tls_names", hello.name)
        packet.name("ja3", fingerprints.compute_ja3(hello))
        packet.name("ja4", fingerprints.compute_ja4(hello, transport))
    elif kind == SERVER_HELLO:
        version, cipher, extensions = parse_server_hello(body)
        packet.name("ja3s", fingerprints.compute_ja3s(version, cipher, extensions))
    elif kind == CERTIFICATE:
        _dissect_certificates(body, packet)


def _dissect_certificates(body: bytes, packet: Packet) -> None:
    place = 3
    while place + 3 <= len(body):
        size = int.from_bytes(body[place : place + 3], "big")
        record_certificate(body[place + 3 : place + 3 + size], packet)
        place += 3 + size


def _read_extensions(body: bytes, place: int) -> list[tuple[int, bytes]]:
    if place + 2 > len(body):
        return []
    end = min(place + 2 + read("H", body, place)[0], len(body))
    place += 2
    found = []
    while place + 4 <= end:
        kind, size = read("HH", body, place)
        found.append((kind, body[place + 4 : place + 4 + size]))
        place += 4 + size
    return found


def _read_numbers(data: bytes, width: int) -> list[int]:
    """The numbers of a list that begins with its length in `width` bytes."""
    size = int.from_bytes(data[:width], "big")
    listed = data[width : width + size]
    step = 2
    return [int.from_bytes(listed[at : at + step], "big") for at in range(0, len(listed) - 1, step)]


def parse_client_hello(body: bytes) -> fingerprints.ClientHello:
    """A client's greeting; raises MalformedError."""
    (version,) = read("H", body)
    place = 34
    place += 1 + read("B", body, place)[0]
    (size,) = read("H", body, place)
    ciphers = _read_numbers(body[place:], 2)
    place += 2 + size
    place += 1 + read("B", body, place)[0]
    found = fingerprints.ClientHello(version, ciphers, _read_extensions(body, place))
    for kind, value in found.extensions:
        if kind == 0 and len(value) > 5:
            found.name = value[5 : 5 + int.from_bytes(value[3:5], "big")].decode("utf-8", "replace")
        elif kind == 10:
            found.groups = _read_numbers(value, 2)
        elif kind == 11:
            found.formats = list(value[1 : 1 + value[0]]) if value else []
        elif kind == 13:
            found.signatures = _read_numbers(value, 2)
        elif kind == 16 and len(value) > 3:
            found.protocol = value[3 : 3 + value[2]]
        elif kind == 43:
            found.versions = _read_numbers(value, 1)
    return found


def parse_server_hello(body: bytes) -> tuple[int, int, list[int]]:
    """A server's answer: version, cipher suite, extension types; raises MalformedError."""
    (version,) = read("H", body)
    place = 35 + read("B", body, 34)[0]
    (cipher,) = read("H", body, place)
    return version, cipher, [kind for kind, _ in _read_extensions(body, place + 3)]


def dissect_dtls(data: bytes, packet: Packet) -> Outcome:
    """The records of a datagram."""
    if len(data) < 13 or not 20 <= data[0] <= 25 or data[1] != 0xFE:
        return 0
    packet.add("dtls")
    return len(data)


DISSECTORS = {"tls": dissect_tls, "dtls": dissect_dtls}
