"""Protocols of which only the name is noted: a datagram or a segment is one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Dissector, Outcome, Packet

NAMES = (
    "dhcp",
    "dhcpv6",
    "ntp",
    "tftp",
    "syslog",
    "ssdp",
    "isakmp",
    "radius",
    "gtpv2",
    "cflow",
    "rip",
    "ripng",
    "hsrp",
    "stun",
    "coap",
    "bvlc",
    "adp",
    "openvpn",
    "bfd",
    "db-lsp-disc",
    "srvloc",
    "bt-dht",
    "bittorrent",
    "nntp",
    "rtsp",
    "socks",
    "vnc",
    "resp",
    "irc",
    "memcache",
    "git",
    "websocket",
)


def make_named_dissector(name: str) -> Dissector:
    """A dissector that notes a protocol and takes every byte."""

    def dissect(data: bytes, packet: Packet) -> Outcome:
        packet.add(name)
        return len(data)

    return dissect


def dissect_snmp(data: bytes, packet: Packet) -> Outcome:
    """SNMP; the community of versions 1 and 2 is a credential in clear text."""
    if data[:1] != b"\x30":
        return 0
    packet.add("snmp")
    place = data.find(b"\x02\x01", 0, 8)
    if place >= 0 and data[place + 2 : place + 4] in (b"\0\x04", b"\1\x04") and place + 4 < len(data):
        packet.credential("snmp", "community")
    return len(data)


def dissect_wsdd(data: bytes, packet: Packet) -> Outcome:
    """Web services discovery: XML in a datagram."""
    packet.add("wsdd")
    packet.add("xml")
    return len(data)


def dissect_quic(data: bytes, packet: Packet) -> Outcome:
    """Note QUIC."""
    packet.add("quic")
    return len(data)


DISSECTORS = {name: make_named_dissector(name) for name in NAMES} | {
    "snmp": dissect_snmp,
    "wsdd": dissect_wsdd,
    "quic": dissect_quic,
}
