"""Captures for tests, built packet by packet."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable

CLIENT, SERVER = ("10.0.0.4", 50000), ("192.0.2.7", 80)
SYN, ACK, FIN = 2, 16, 1
Endpoint = tuple[str, int]


def ethernet(payload: bytes, kind: int = 0x0800) -> bytes:
    return b"\x02" * 6 + b"\x04" * 6 + struct.pack(">H", kind) + payload


def ipv4(
    source: str, target: str, protocol: int, payload: bytes, *, identity: int = 1, fragment: int = 0
) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), identity, fragment, 64, protocol, 0)
    return head + socket.inet_aton(source) + socket.inet_aton(target) + payload


def tcp(source: Endpoint, target: Endpoint, sequence: int, payload: bytes = b"", flags: int = ACK) -> bytes:
    head = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, 0, 0x50, flags, 8192, 0, 0)
    return ethernet(ipv4(source[0], target[0], 6, head + payload))


def udp(source: Endpoint, target: Endpoint, payload: bytes) -> bytes:
    head = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0)
    return ethernet(ipv4(source[0], target[0], 17, head + payload))


def pcap(frames: Iterable[bytes], *, order: str = "<", link: int = 1) -> bytes:
    """A capture with a packet a second from 1 700 000 000 on."""
    found = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    for number, frame in enumerate(frames):
        found += struct.pack(f"{order}IIII", 1_700_000_000 + number, 250_000, len(frame), len(frame)) + frame
    return found


def pcapng(frames: Iterable[bytes], *, order: str = "<", link: int = 1) -> bytes:
    """The same as pcapng: a section, an interface, enhanced packets."""

    def block(kind: int, body: bytes) -> bytes:
        body += b"\0" * (-len(body) % 4)
        size = struct.pack(f"{order}I", 12 + len(body))
        return struct.pack(f"{order}I", kind) + size + body + size

    found = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    found += block(1, struct.pack(f"{order}HHI", link, 0, 262144))
    for number, frame in enumerate(frames):
        stamp = (1_700_000_000 + number) * 10**6 + 250_000
        head = struct.pack(f"{order}IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(frame), len(frame))
        found += block(6, head + frame)
    return found


def session(requests: Iterable[tuple[bool, bytes]], *, server: Endpoint = SERVER) -> list[bytes]:
    """A TCP session: a handshake, then (from the client, payload) in order."""
    numbers = {True: 1001, False: 5001}
    ends = {True: (CLIENT, server), False: (server, CLIENT)}
    frames = [tcp(CLIENT, server, 1000, flags=SYN), tcp(server, CLIENT, 5000, flags=SYN | ACK)]
    for from_client, payload in requests:
        frames.append(tcp(*ends[from_client], numbers[from_client], payload))
        numbers[from_client] += len(payload)
    return frames
