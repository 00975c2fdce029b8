"""Link layers: Ethernet with VLANs, PPPoE, LLC, Cisco HDLC, Linux linux_cooked, loopback, raw IP, MPLS."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from nephoscope.protect.capture.packet import MalformedError

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

#: Ethertype -> dissector.
ETHERTYPES = {
    0x0800: "ip",
    0x86DD: "ipv6",
    0x0806: "arp",
    0x8035: "arp",
    0x8100: "vlan",
    0x88A8: "ieee8021ad",
    0x9100: "vlan",
    0x8863: "pppoed",
    0x8864: "pppoes",
    0x8847: "mpls",
    0x8848: "mpls",
    0x88CC: "lldp",
    0x8903: "cfp",
    0x888E: "eapol",
    0x9000: "loop",
    0x6558: "eth_maybefcs",
    0x88BE: "erspan",
    0x22EB: "erspan",
    0x894F: "nsh",
    0x88E5: "macsec",
    0x8809: "slow",
    0x2000: "cdp",
    0x880B: "ppp",
    0x0842: "wol",
    0x88F7: "ptp",
    0x88BA: "sv",
    0x88B8: "goose",
    0x8892: "pn_rt",
}
#: PPP protocol -> dissector.
PPP = {
    0x0021: "ip",
    0x0057: "ipv6",
    0xC021: "lcp",
    0xC023: "pap",
    0xC223: "chap",
    0x8021: "ipcp",
    0x8057: "ipv6cp",
    0x80FD: "ccp",
    0x0281: "mpls",
    0x00FD: "comp_data",
}
#: 802.2 service access point -> protocol.
SAPS = {0x42: "stp", 0xE0: "ipx", 0xF0: "netbios", 0x06: "ip", 0xFE: "osi"}
LINKS = {
    0: "null",
    1: "eth",
    9: "ppp_hdlc",
    12: "raw",
    14: "raw",
    50: "ppp_hdlc",
    51: "pppoes_link",
    101: "raw",
    104: "chdlc",
    108: "loop_link",
    109: "enc",
    113: "sll",
    228: "ip",
    229: "ipv6",
    276: "sll2",
}
ENDS_HERE = frozenset(
    [
        "lldp",
        "eapol",
        "loop",
        "nsh",
        "macsec",
        "slow",
        "cdp",
        "wol",
        "ptp",
        "sv",
        "goose",
        "pn_rt",
        "lcp",
        "pap",
        "chap",
        "ipcp",
        "ipv6cp",
        "ccp",
        "comp_data",
    ]
)


def read(shape: str, data: bytes, place: int = 0) -> tuple[int, ...]:
    """Unpack big-endian fields; raises MalformedError where the bytes end before them."""
    try:
        return struct.unpack_from(f">{shape}", data, place)
    except struct.error as error:
        raise MalformedError(str(error)) from error


def dissect_ethernet(data: bytes, packet: Packet) -> Outcome:
    """Ethernet II and IEEE 802.3."""
    packet.add("eth")
    (kind,) = read("H", data, 12)
    if kind < 1536:
        return dissect_logical_link(data[14 : 14 + kind], packet)
    return dissect_by_ethertype(kind, data[14:], packet)


def dissect_by_ethertype(kind: int, data: bytes, packet: Packet) -> Outcome:
    """Dissect what an ethertype announces."""
    packet.add("ethertype")
    return follow_type(kind, data, packet)


def follow_type(kind: int, data: bytes, packet: Packet) -> Outcome:
    """Dissect what an ethertype announces where the frame is not Ethernet."""
    name = ETHERTYPES.get(kind, "")
    if name in ENDS_HERE:
        packet.add(name)
    elif name:
        packet.call(name, data)
    elif kind < 1536:
        dissect_logical_link(data[:kind], packet)
    else:
        packet.call_data(data)
    return len(data)


def dissect_logical_link(data: bytes, packet: Packet) -> Outcome:
    """IEEE 802.2, with SNAP."""
    if data[:2] == b"\xff\xff":
        packet.add("ipx")
        return len(data)
    packet.add("llc")
    target, _source, control = read("BBB", data)
    if target == 0xAA:
        organization, kind = int.from_bytes(data[3:6], "big"), int.from_bytes(data[6:8], "big")
        if organization == 0x00000C and kind == 0x2000:
            packet.add("cdp")
        elif organization in (0, 0xF8):
            follow_type(kind, data[8:], packet)
        elif organization == 0x00000C:
            packet.add({0x2003: "vtp", 0x2004: "dtp", 0x010B: "stp"}.get(kind, "data"))
        else:
            packet.call_data(data[8:])
        return len(data)
    rest = data[3 if control & 3 == 3 else 4 :]
    name = SAPS.get(target, "")
    if name == "ip":
        packet.call("ip", rest)
    elif name:
        packet.add(name)
    else:
        packet.call_data(rest)
    return len(data)


def dissect_vlan(data: bytes, packet: Packet, name: str = "vlan") -> Outcome:
    """An 802.1Q tag."""
    packet.add(name)
    _, kind = read("HH", data)
    if kind < 1536:
        return dissect_logical_link(data[4 : 4 + kind], packet)
    return dissect_by_ethertype(kind, data[4:], packet)


def dissect_service_tag(data: bytes, packet: Packet) -> Outcome:
    """An 802.1ad tag."""
    return dissect_vlan(data, packet, "ieee8021ad")


def dissect_fabric_path(data: bytes, packet: Packet) -> Outcome:
    """Cisco FabricPath: a tag, then a whole Ethernet frame."""
    packet.add("cfp")
    packet.call("eth", data[2:])
    return len(data)


def dissect_pppoe_session(data: bytes, packet: Packet) -> Outcome:
    """PPPoE: a header of six bytes, then PPP."""
    packet.add("pppoes")
    (length,) = read("H", data, 4)
    packet.call("ppp", data[6 : 6 + length])
    return len(data)


def dissect_pppoe_discovery(data: bytes, packet: Packet) -> Outcome:
    """Note the discovery stage of PPPoE."""
    packet.add("pppoed")
    return len(data)


def dissect_ppp(data: bytes, packet: Packet) -> Outcome:
    """PPP, with or without address and control."""
    packet.add("ppp")
    if data[:2] == b"\xff\x03":
        data = data[2:]
    if data[:1] and data[0] & 1:
        kind, rest = data[0], data[1:]
    else:
        (kind,), rest = read("H", data), data[2:]
    name = PPP.get(kind, "")
    if name in ENDS_HERE:
        packet.add(name)
    elif name:
        packet.call(name, rest)
    else:
        packet.call_data(rest)
    return len(data)


def dissect_cisco_hdlc(data: bytes, packet: Packet) -> Outcome:
    """Dissect Cisco HDLC."""
    packet.add("chdlc")
    (kind,) = read("H", data, 2)
    if kind == 0x8035:
        packet.add("slarp")
        return len(data)
    return follow_type(kind, data[4:], packet)


def dissect_null(data: bytes, packet: Packet) -> Outcome:
    """BSD loopback: an address family in the writer's byte order."""
    packet.add("null")
    if len(data) < 4:
        raise MalformedError("a loopback header of less than four bytes")
    family = min(int.from_bytes(data[:4], "little"), int.from_bytes(data[:4], "big"))
    name = {2: "ip", 10: "ipv6", 23: "ipv6", 24: "ipv6", 28: "ipv6", 30: "ipv6"}.get(family)
    if name:
        packet.call(name, data[4:])
    else:
        packet.call_data(data[4:])
    return len(data)


def dissect_raw(data: bytes, packet: Packet) -> Outcome:
    """Dissect IP without a link layer."""
    packet.add("raw")
    return dissect_by_version(data, packet)


def dissect_by_version(data: bytes, packet: Packet) -> Outcome:
    """IP of the version that its first four bits name."""
    version = data[0] >> 4 if data else 0
    if version in (4, 6):
        return packet.call("ip" if version == 4 else "ipv6", data)
    packet.call_data(data)
    return len(data)


def dissect_linux_cooked(data: bytes, packet: Packet) -> Outcome:
    """Linux linux_cooked capture, version 1."""
    packet.add("sll")
    (kind,) = read("H", data, 14)
    return dissect_by_ethertype(kind, data[16:], packet)


def dissect_linux_cooked_2(data: bytes, packet: Packet) -> Outcome:
    """Linux linux_cooked capture, version 2."""
    packet.add("sll")
    (kind,) = read("H", data)
    return dissect_by_ethertype(kind, data[20:], packet)


def dissect_mpls(data: bytes, packet: Packet) -> Outcome:
    """A stack of MPLS labels, then IP or Ethernet in a pseudowire."""
    packet.add("mpls")
    place = 0
    while not read("I", data, place)[0] & 0x100:
        place += 4
    rest = data[place + 4 :]
    first = rest[0] >> 4 if rest else 0
    if first in (4, 6):
        return packet.call("ip" if first == 4 else "ipv6", rest)
    if first == 0 and len(rest) > 18:
        packet.add("pwethheuristic")
        packet.add("pwethcw")
        return packet.call("eth", rest[4:])
    packet.call_data(rest)
    return len(data)


def dissect_arp(data: bytes, packet: Packet) -> Outcome:
    """Note ARP."""
    packet.add("arp")
    return len(data)


DISSECTORS = {
    "eth": dissect_ethernet,
    "eth_maybefcs": dissect_ethernet,
    "vlan": dissect_vlan,
    "ieee8021ad": dissect_service_tag,
    "cfp": dissect_fabric_path,
    "pppoes": dissect_pppoe_session,
    "pppoed": dissect_pppoe_discovery,
    "ppp": dissect_ppp,
    "ppp_hdlc": dissect_ppp,
    "chdlc": dissect_cisco_hdlc,
    "null": dissect_null,
    "loop_link": dissect_null,
    "raw": dissect_raw,
    "sll": dissect_linux_cooked,
    "sll2": dissect_linux_cooked_2,
    "mpls": dissect_mpls,
    "arp": dissect_arp,
}
