"""Ports and the dissectors that they stand for, and how a protocol is recognized by its first bytes."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TCP_PORTS = {
    **dict.fromkeys((80, 3128, 3132, 5985, 8080, 8088, 11371, 1900, 2869, 2710), "http"),
    **dict.fromkeys((443, 465, 636, 853, 989, 990, 992, 993, 995, 5061, 8883), "tls"),
    **dict.fromkeys((25, 587), "smtp"),
    21: "ftp",
    20: "ftp-data",
    22: "ssh",
    23: "telnet",
    53: "dns_tcp",
    88: "kerberos_tcp",
    110: "pop",
    119: "nntp",
    137: "nbns_tcp",
    139: "nbss",
    143: "imap",
    389: "ldap",
    3268: "ldap",
    445: "nbss",
    502: "mbtcp",
    554: "rtsp",
    1080: "socks",
    1433: "tds",
    1883: "mqtt",
    3306: "mysql",
    3389: "tpkt",
    102: "tpkt",
    5060: "sip",
    5432: "pgsql",
    5900: "vnc",
    6379: "resp",
    6667: "irc",
    179: "bgp",
    20000: "dnp3",
    44818: "enip",
    111: "rpc_tcp",
    2049: "rpc_tcp",
    11211: "memcache",
    9418: "git",
}
UDP_PORTS = {
    53: "dns",
    5353: "mdns",
    5355: "llmnr",
    137: "nbns",
    138: "nbdgm",
    67: "dhcp",
    68: "dhcp",
    546: "dhcpv6",
    547: "dhcpv6",
    123: "ntp",
    161: "snmp",
    162: "snmp",
    69: "tftp",
    514: "syslog",
    1900: "ssdp",
    500: "isakmp",
    4500: "udpencap",
    1812: "radius",
    1813: "radius",
    1645: "radius",
    1646: "radius",
    5060: "sip",
    88: "kerberos",
    389: "cldap",
    3544: "teredo",
    6081: "geneve",
    4789: "vxlan",
    8472: "vxlan",
    2152: "gtp",
    2123: "gtpv2",
    6343: "sflow",
    2055: "cflow",
    9996: "cflow",
    4739: "cflow",
    520: "rip",
    521: "ripng",
    1985: "hsrp",
    3478: "stun",
    5683: "coap",
    47808: "bvlc",
    8200: "adp",
    3702: "wsdd",
    1194: "openvpn",
    44818: "enip",
    2222: "enip_io",
    1701: "l2tp",
    111: "rpc",
    2049: "rpc",
    3784: "bfd",
    17500: "db-lsp-disc",
    20000: "dnp3_udp",
    427: "srvloc",
}
#: The methods of HTTP and its relatives, each with the blank behind it.
WORDS = tuple(
    word + b" "
    for word in (
        b"GET POST HEAD PUT DELETE OPTIONS TRACE CONNECT PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK "
        b"M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE REPORT CHECKOUT MERGE SEARCH RPC_IN_DATA RPC_OUT_DATA "
        b"BPROPFIND BPROPPATCH PURGE SOURCE BITS_POST CCM_POST RPC_CONNECT"
    ).split()
)
METHODS = re.compile(rb"(?:" + b"|".join(re.escape(word) for word in WORDS) + rb")\S")
_REQUEST = re.compile(rb"[A-Z_-]{3,20} \S+ HTTP/1\.[01]\r?\n")


def is_http(data: bytes) -> bool:
    """Return whether bytes begin with a request line or a status line of HTTP."""
    if data.startswith(b"HTTP/1."):
        return True
    line = data[:8192].split(b"\n", 1)[0]
    return line.rstrip().endswith((b"HTTP/1.0", b"HTTP/1.1")) and bool(METHODS.match(data))


def is_tls(data: bytes) -> bool:
    """Return whether bytes begin with a TLS record."""
    if len(data) < 5 or not 20 <= data[0] <= 24 or data[1] != 3 or data[2] > 4:
        return (
            data[:1] >= b"\x80"
            and len(data) > 4
            and data[2] == 1
            and data[3:5] in (b"\x03\x00", b"\x03\x01", b"\x03\x02", b"\x03\x03")
        )
    return 0 < int.from_bytes(data[3:5], "big") <= 16384 + 2048


def is_dcerpc(data: bytes) -> bool:
    """Return whether bytes begin with a connection-oriented DCE/RPC PDU."""
    return (
        len(data) >= 16
        and data[0] == 5
        and data[1] in (0, 1)
        and data[2] <= 19
        and data[4] & 0xEE == 0
        and data[5] <= 3
    )


def is_ssh(data: bytes) -> bool:
    """Return whether bytes begin with an SSH version."""
    return data.startswith(b"SSH-")


def is_smtp(data: bytes) -> bool:
    """Return whether bytes are the beginning of an SMTP session."""
    return bool(re.match(rb"(220[ -].{0,200}E?SMTP|EHLO \S|HELO \S)", data))


def is_dnp3(data: bytes) -> bool:
    """Return whether bytes begin with a link frame of DNP3."""
    return len(data) >= 10 and data[:2] == b"\x05\x64"


def is_http2(data: bytes) -> bool:
    """Return whether bytes begin with the preface of HTTP/2."""
    return data.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")


def is_smb(data: bytes) -> bool:
    """Return whether bytes are a NetBIOS session message with SMB inside."""
    return len(data) > 8 and data[0] == 0 and data[4:8] in (b"\xffSMB", b"\xfeSMB")


def is_rpc(data: bytes) -> bool:
    """Return whether bytes are a call of ONC RPC version 2."""
    return len(data) >= 24 and data[4:8] == b"\0\0\0\0" and data[8:12] == b"\0\0\0\2"


def is_rpc_tcp(data: bytes) -> bool:
    """Return whether bytes begin with a record that holds a call of ONC RPC."""
    return is_rpc(data[4:]) and bool(data[0] & 0x80)


def is_bt_dht(data: bytes) -> bool:
    """Return whether bytes are a bencoded message of BitTorrent's DHT."""
    return bool(re.match(rb"d(1:[a-z]|2:i[dp])", data[:8])) and data.endswith(b"e")


def is_stun(data: bytes) -> bool:
    """Return whether a datagram is one message of STUN."""
    return (
        len(data) >= 20
        and data[0] < 2
        and data[4:8] == b"\x21\x12\xa4\x42"
        and len(data) == 20 + int.from_bytes(data[2:4], "big")
    )


def is_sip(data: bytes) -> bool:
    """Return whether bytes begin with a request or a status of SIP."""
    return data.startswith(b"SIP/2.0 ") or bool(re.match(rb"[A-Z]+ sips?:\S+ SIP/2.0\r\n", data))


def is_dtls(data: bytes) -> bool:
    """Return whether a datagram begins with a record of DTLS."""
    return len(data) >= 13 and data[0] in (20, 21, 22, 23) and data[1] == 0xFE and data[2] in (0xFF, 0xFD)


def is_quic(data: bytes) -> bool:
    """Return whether a datagram is a long header of QUIC of a known version."""
    if len(data) < 7 or not data[0] & 0x80:
        return False
    version = struct.unpack_from(">I", data, 1)[0]
    return version in (1, 0x6B3343CF) or 0xFF000017 <= version <= 0xFF000022 or version >> 8 == 0x513034


def is_bittorrent(data: bytes) -> bool:
    """Return whether bytes begin with BitTorrent's handshake."""
    return data.startswith(b"\x13BitTorrent protocol")


Recognizer = tuple[str, "Callable[[bytes], bool]"]
TCP_HEURISTICS: tuple[Recognizer, ...] = (
    ("http2", is_http2),
    ("http", is_http),
    ("tls", is_tls),
    ("ssh", is_ssh),
    ("nbss", is_smb),
    ("dcerpc", is_dcerpc),
    ("dnp3", is_dnp3),
    ("rpc_tcp", is_rpc_tcp),
    ("sip", is_sip),
    ("bittorrent", is_bittorrent),
)
UDP_HEURISTICS: tuple[Recognizer, ...] = (
    ("stun", is_stun),
    ("quic", is_quic),
    ("dtls", is_dtls),
    ("bt-dht", is_bt_dht),
    ("rpc", is_rpc),
    ("sip", is_sip),
    ("dnp3_udp", is_dnp3),
)
