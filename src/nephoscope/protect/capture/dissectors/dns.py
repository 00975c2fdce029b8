"""DNS, multicast DNS, LLMNR and NetBIOS names: the names that are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.link import read
from nephoscope.protect.capture.packet import Incomplete, MalformedError

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

#: Labels of a name, and jumps in it, beyond which it is malformed.
MOST_LABELS = 128
MOST_JUMPS = 64
MOST_QUESTIONS = 256


def read_name(data: bytes, place: int) -> tuple[str, int]:
    """A name and the place behind it; raises MalformedError."""
    labels: list[str] = []
    behind, jumps, end = 0, 0, len(data)
    while True:
        if place >= end:
            raise MalformedError("a name that ends early")
        size = data[place]
        if size & 0xC0 == 0xC0:
            (pointer,) = read("H", data, place)
            behind = behind or place + 2
            place, jumps = pointer & 0x3FFF, jumps + 1
            if jumps > MOST_JUMPS:
                raise MalformedError("a name that points in a circle")
            continue
        place += 1
        if not size:
            return ".".join(labels), behind or place
        if size & 0xC0 or len(labels) >= MOST_LABELS or place + size > end:
            raise MalformedError("a label that ends early")
        labels.append(data[place : place + size].decode("utf-8", "replace"))
        place += size


def _dissect_questions(data: bytes, packet: Packet, kind: str) -> None:
    (count,) = read("H", data, 4)
    place = 12
    try:
        for _ in range(min(count, MOST_QUESTIONS)):
            name, place = read_name(data, place)
            packet.name(kind, name or "<Root>")
            place += 4
    except MalformedError:
        packet.summary.left_out["malformed DNS questions"] += 1


def dissect_dns(data: bytes, packet: Packet) -> Outcome:
    """One message."""
    packet.add("dns")
    if len(data) >= 12:
        _dissect_questions(data, packet, "dns_names")
    return len(data)


def dissect_dns_tcp(data: bytes, packet: Packet) -> Outcome:
    """One message with its length before it."""
    if len(data) < 2:
        return Incomplete(2 - len(data)) if packet.can_wait else len(data)
    length = int.from_bytes(data[:2], "big")
    if len(data) < 2 + length and packet.can_wait:
        return Incomplete(2 + length - len(data))
    dissect_dns(data[2 : 2 + length], packet)
    return 2 + length


def dissect_mdns(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of multicast DNS."""
    packet.add("mdns")
    if len(data) >= 12:
        _dissect_questions(data, packet, "dns_names")
    return len(data)


def dissect_llmnr(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of LLMNR."""
    packet.add("llmnr")
    if len(data) >= 12:
        _dissect_questions(data, packet, "dns_names")
    return len(data)


def dissect_nbns(data: bytes, packet: Packet) -> Outcome:
    """Note a message of the NetBIOS name service."""
    packet.add("nbns")
    return len(data)


DISSECTORS = {
    "dns": dissect_dns,
    "dns_tcp": dissect_dns_tcp,
    "mdns": dissect_mdns,
    "llmnr": dissect_llmnr,
    "nbns": dissect_nbns,
    "nbns_tcp": dissect_nbns,
}
