"""The network layer: IPv4 and IPv6 with fragments, GRE, ERSPAN, ICMP, and what ends there."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.link import dissect_by_version, follow_type, read
from nephoscope.protect.capture.packet import MalformedError

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

#: IP protocol -> dissector, or the name of one that ends there.
PROTOCOLS = {
    1: "icmp",
    4: "ip",
    6: "tcp",
    17: "udp",
    41: "ipv6",
    47: "gre",
    58: "icmpv6",
    132: "sctp",
    137: "mpls",
    115: "l2tp",
}
ENDS_HERE = {
    2: "igmp",
    8: "egp",
    9: "igrp",
    46: "rsvp",
    50: "esp",
    51: "ah",
    88: "eigrp",
    89: "ospf",
    103: "pim",
    112: "vrrp",
    33: "dccp",
    108: "ipcomp",
    3: "ggp",
    97: "etherip",
}
EXTENSIONS = {0: "ipv6.hopopts", 43: "ipv6.routing", 60: "ipv6.dstopts", 135: "mip6"}
NO_NEXT, FRAGMENT, AH = 59, 44, 51
#: ICMP types whose payload is the packet that they are about.
ERRORS_4 = (3, 4, 5, 11, 12)
ERRORS_6 = (1, 2, 3, 4)


def _set_addresses(packet: Packet, source: str, target: str) -> None:
    packet.source, packet.target = source, target
    if packet.addresses is None:
        packet.addresses = (source, target)


def dissect_ipv4(data: bytes, packet: Packet) -> Outcome:
    """IPv4: what is beyond its length is padding."""
    packet.add("ip")
    first, _, length, identity, flags, _, protocol = read("BBHHHBB", data)
    size = (first & 15) * 4
    if first >> 4 != 4 or size < 20 or len(data) < 20:
        return len(data)
    source, target = (
        socket.inet_ntop(socket.AF_INET, data[12:16]),
        socket.inet_ntop(socket.AF_INET, data[16:20]),
    )
    _set_addresses(packet, source, target)
    body = data[size : length if length >= size else len(data)]
    if flags & 0x3FFF and not packet.is_quoted:
        key = (4, source, target, protocol, identity)
        return _read_fragment(packet, key, (flags & 0x1FFF) * 8, body, protocol, more=bool(flags & 0x2000))
    return follow_protocol(protocol, body, packet)


def _read_fragment(
    packet: Packet, key: tuple[object, ...], offset: int, body: bytes, protocol: int, *, more: bool
) -> Outcome:
    whole = packet.summary.fragments.add(key, offset, body, more=more)
    if whole is None:
        packet.call_data(body)
        return len(body)
    return follow_protocol(protocol, whole, packet)


def follow_protocol(protocol: int, data: bytes, packet: Packet) -> Outcome:
    """Dissect what an IP protocol number announces."""
    name = PROTOCOLS.get(protocol)
    if name:
        packet.call(name, data)
    elif protocol in ENDS_HERE and data:
        packet.add(ENDS_HERE[protocol])
        if protocol == AH and len(data) > 8:
            follow_protocol(data[0], data[(data[1] + 2) * 4 :], packet)
    elif protocol == 97:
        packet.call("eth", data[2:])
    else:
        packet.call_data(data)
    return len(data)


def dissect_ipv6(data: bytes, packet: Packet) -> Outcome:
    """IPv6 with its extension headers."""
    packet.add("ipv6")
    length, following = read("HB", data, 4)
    if len(data) < 40:
        return len(data)
    source, target = (
        socket.inet_ntop(socket.AF_INET6, data[8:24]),
        socket.inet_ntop(socket.AF_INET6, data[24:40]),
    )
    _set_addresses(packet, source, target)
    body = data[40 : 40 + length] if length else data[40:]
    while following in EXTENSIONS:
        packet.add(EXTENSIONS[following])
        upper, size = read("BB", body)
        following, body = upper, body[(size + 1) * 8 :]
    if following == FRAGMENT:
        packet.add("ipv6.fraghdr")
        upper, _, offset, identity = read("BBHI", body)
        if offset & 0xFFF9:
            key = (6, source, target, upper, identity)
            return _read_fragment(packet, key, offset & 0xFFF8, body[8:], upper, more=bool(offset & 1))
        following, body = upper, body[8:]
    if following == NO_NEXT:
        return len(data)
    return follow_protocol(following, body, packet)


def dissect_icmp(data: bytes, packet: Packet) -> Outcome:
    """ICMP: errors carry the packet that they are about, echoes data."""
    packet.add("icmp")
    (kind,) = read("B", data)
    if kind in ERRORS_4:
        packet.is_quoted = True
        packet.call("ip", data[8:])
    elif kind in (0, 8):
        packet.call_data(data[8:])
    return len(data)


def dissect_icmpv6(data: bytes, packet: Packet) -> Outcome:
    """Dissect ICMPv6: errors carry the packet that they are about."""
    packet.add("icmpv6")
    (kind,) = read("B", data)
    if kind in ERRORS_6:
        packet.is_quoted = True
        packet.call("ipv6", data[8:])
    return len(data)


def dissect_gre(data: bytes, packet: Packet) -> Outcome:
    """GRE of versions 0 and 1 with its optional fields."""
    packet.add("gre")
    flags, kind = read("HH", data)
    place = 4 + 4 * bool(flags & 0xC000) + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
    if flags & 7 == 1:
        place += 4 * bool(flags & 0x0080)
    if flags & 0x4000:
        while True:
            family, _, size = read("HBB", data, place)
            place += 4 + size
            if not family and not size:
                break
    if kind == 0x88BE:
        return packet.call("erspan" if flags & 0x1000 else "erspan_1", data[place:])
    follow_type(kind, data[place:], packet)
    return len(data)


def dissect_erspan(data: bytes, packet: Packet) -> Outcome:
    """ERSPAN of types II and III: a mirrored Ethernet frame."""
    packet.add("erspan")
    (first,) = read("B", data)
    size = 8
    if first >> 4 == 2:
        size = 12
        if len(data) > 11 and data[11] & 1:
            size = 20
    packet.call("eth", data[size:])
    return len(data)


def dissect_erspan_1(data: bytes, packet: Packet) -> Outcome:
    """ERSPAN of type I has no header."""
    packet.add("erspan")
    packet.call("eth", data)
    return len(data)


def dissect_teredo(data: bytes, packet: Packet) -> Outcome:
    """Teredo: IPv6 behind authentication and origin indications."""
    place = 0
    if data[:2] == b"\x00\x01":
        client, secret = read("BB", data, 2)
        place = 13 + client + secret
    if data[place : place + 2] == b"\x00\x00":
        place += 8
    if len(data) < place + 40 or data[place] >> 4 != 6:
        return 0
    (length,) = read("H", data, place + 4)
    if len(data) != place + 40 + length:
        return 0
    packet.add("teredo")
    return packet.call("ipv6", data[place:])


def dissect_geneve(data: bytes, packet: Packet) -> Outcome:
    """Dissect Geneve with its options."""
    packet.add("geneve")
    first, _, kind = read("BBH", data)
    return follow_type(kind, data[8 + (first & 0x3F) * 4 :], packet)


def dissect_vxlan(data: bytes, packet: Packet) -> Outcome:
    """Dissect VXLAN: a whole Ethernet frame."""
    packet.add("vxlan")
    packet.call("eth", data[8:])
    return len(data)


def dissect_gtp(data: bytes, packet: Packet) -> Outcome:
    """GTP of version 1: user data is IP."""
    packet.add("gtp")
    flags, kind = read("BB", data)
    if kind != 255:
        return len(data)
    place = 12 if flags & 7 else 8
    if flags & 4:
        following = data[11] if len(data) > 11 else 0
        while following:
            (size,) = read("B", data, place)
            if not size:
                raise MalformedError("an extension header of GTP without length")
            place += size * 4
            (following,) = read("B", data, place - 1)
    return dissect_by_version(data[place:], packet)


def dissect_sctp(data: bytes, packet: Packet) -> Outcome:
    """Note SCTP and its ports."""
    packet.add("sctp")
    source, target = read("HH", data)
    packet.source_port, packet.target_port = source, target
    return len(data)


def dissect_l2tp(data: bytes, packet: Packet) -> Outcome:
    """L2TP of version 2: sessions carry PPP."""
    packet.add("l2tp")
    (flags,) = read("H", data)
    if flags & 0x8000:
        return len(data)
    place = 6 + 2 * bool(flags & 0x4000) + 4 * bool(flags & 0x0800)
    if flags & 0x0200:
        place += 2 + read("H", data, place)[0]
    packet.call("ppp", data[place:])
    return len(data)


DISSECTORS = {
    "ip": dissect_ipv4,
    "ipv6": dissect_ipv6,
    "icmp": dissect_icmp,
    "icmpv6": dissect_icmpv6,
    "gre": dissect_gre,
    "erspan": dissect_erspan,
    "erspan_1": dissect_erspan_1,
    "teredo": dissect_teredo,
    "geneve": dissect_geneve,
    "vxlan": dissect_vxlan,
    "gtp": dissect_gtp,
    "sctp": dissect_sctp,
    "l2tp": dissect_l2tp,
}
