"""Plain packets are counted and dissected by their flow as the dissectors do it layer by layer: every field of the summary."""

from __future__ import annotations

import io
import random
import socket
import struct
from collections.abc import Iterator
from dataclasses import fields

import pytest
from tests.protect.capture.captures import ACK, FIN, SYN, ethernet, ipv4, pcap, tcp, udp

from nephoscope.protect.capture import capture_summary
from nephoscope.protect.capture.analysis import analyze_capture
from nephoscope.protect.capture.capture_summary import CaptureSummary
from nephoscope.protect.capture.dissectors import transport
from nephoscope.protect.capture.plain_packets import PlainPackets

RST = 4
PAYLOADS = (
    b"",
    b"",
    b"GET /a HTTP/1.1\r\nHost: a.example\r\nAuthorization: Basic dTpw\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>",
    b"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123",
    b"\0\1\1\0\0\1\0\0\0\0\0\0\4host\7example\0\0\1\0\1",
    b"\0\1\1\0\0\1\0\0\0\0\0\0\x3fho",
    b"SSH-2.0-x\r\n",
    b"USER joe\r\n",
    b"PASS x\r\n",
    b"\x16\x03\x01\x00\x05\x01\x00",
    b"x" * 30,
)
PORTS = (80, 53, 21, 22, 443, 4789, 6081, 50000, 50001)
HOSTS = ("10.0.0.4", "10.0.0.5", "192.0.2.7")


def ipv6(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    head = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    ends = (socket.inet_pton(socket.AF_INET6, f"::ffff:{one}") for one in (source, target))
    return ethernet(head + b"".join(ends) + payload, 0x86DD)


def make_frame(chance: random.Random) -> bytes:
    """A segment or a datagram of few hosts, sometimes tagged, tunnelled, in pieces, quoted, padded, cut off or changed."""
    source, target = ((chance.choice(HOSTS), chance.choice(PORTS)) for _ in range(2))
    payload = chance.choice(PAYLOADS)
    flags = chance.choice((ACK, ACK, ACK, SYN, SYN | ACK, ACK | FIN, RST))
    sequence = chance.choice((0, 1, 1, 31, 63, 94, 2**32 - 1))
    frame = (
        tcp(source, target, sequence, payload, flags)
        if chance.random() < 0.7
        else udp(source, target, payload)
    )
    kind = chance.randrange(12)
    if kind < 2:
        frame = ipv6(source[0], target[0], frame[23], frame[34:])
    elif kind == 2:
        frame = udp((HOSTS[0], 50000), (HOSTS[1], 4789), b"\x08" + b"\0" * 7 + frame)
    elif kind == 3:
        frame = ethernet(b"\0\1\x08\0" + frame[14:], 0x8100)
    elif kind == 4:
        frame = ethernet(ipv4(*HOSTS[:2], 1, b"\3\3" + b"\0" * 6 + frame[14:]))
    elif kind == 5:
        place = chance.randrange(len(frame))
        frame = frame[:place] + chance.randbytes(1) + frame[place + 1 :]
    elif kind == 6:
        frame = frame[: chance.randrange(len(frame) + 1)]
    elif kind == 7:
        frame += b"\0" * 6
    elif kind == 8:
        frame = ethernet(
            ipv4(source[0], target[0], 6, frame[34:], fragment=chance.choice((0x2000, 1, 0x4000)))
        )
    return frame


def captures() -> Iterator[bytes]:
    for seed in range(60):
        chance = random.Random(seed)
        yield pcap(make_frame(chance) for _ in range(chance.choice((5, 80, 300))))


def summarize(content: bytes) -> dict[str, object]:
    found = analyze_capture(io.BytesIO(content))
    kept = {one.name: getattr(found, one.name) for one in fields(CaptureSummary) if one.name != "fragments"}
    return kept | {"order": list(found.flows)}


@pytest.mark.parametrize("most", [10**6, 3])
def test_both_ways_give_the_same_summary(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(capture_summary, "MOST_CONVERSATIONS", most)
    monkeypatch.setattr(transport, "MOST_STREAMS", most)
    contents = list(captures())
    found = [summarize(one) for one in contents]
    monkeypatch.setattr(PlainPackets, "dissect_frame", lambda *_: False)
    for content, one in zip(contents, found, strict=True):
        assert one == summarize(content)


def test_a_plain_packet_does_not_go_through_the_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nephoscope.protect.capture.analysis.LINKS", {})
    ends = (("10.0.0.4", 50000), ("192.0.2.7", 80))
    found = analyze_capture(
        io.BytesIO(pcap([tcp(*ends, 1, flags=SYN), ipv6("10.0.0.4", "10.0.0.5", 17, udp(*ends, b"x")[34:])]))
    )
    assert set(found.protocol_frames) == {"eth", "ethertype", "ip", "ipv6", "tcp", "udp", "data"}
