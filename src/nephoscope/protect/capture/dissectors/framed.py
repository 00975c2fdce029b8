"""Protocols whose messages say their length: industrial control, databases, directory, routing, remote procedure calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.link import read
from nephoscope.protect.capture.dissectors.windows import dissect_security_token, unpack_little_endian
from nephoscope.protect.capture.packet import Incomplete

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

LARGEST = 16 * 1024 * 1024


def _find_message_end(data: bytes, total: int, packet: Packet) -> int | Incomplete:
    """The length of a message, or what of it is missing."""
    if len(data) < total and packet.can_wait:
        return Incomplete(total - len(data))
    return max(total, 1)


def _need_more(data: bytes, needed: int, packet: Packet) -> Incomplete | None:
    return Incomplete(needed - len(data)) if len(data) < needed and packet.can_wait else None


def dissect_dnp3(data: bytes, packet: Packet) -> Outcome:
    """A link frame of DNP3: blocks of sixteen bytes, each with its checksum."""
    if data[:2] != b"\x05\x64":
        return 0
    if waits := _need_more(data, 10, packet):
        return waits
    user = max(data[2] - 5, 0)
    outcome = _find_message_end(data, 10 + user + 2 * ((user + 15) // 16), packet)
    if not isinstance(outcome, Incomplete):
        packet.add("dnp3")
    return outcome


def dissect_dnp3_datagram(data: bytes, packet: Packet) -> Outcome:
    """Dissect DNP3 over UDP."""
    if data[:2] != b"\x05\x64":
        return 0
    packet.add("dnp3")
    return len(data)


def dissect_enip(data: bytes, packet: Packet) -> Outcome:
    """EtherNet/IP: an encapsulation with CIP in its items."""
    if waits := _need_more(data, 24, packet):
        return waits
    command, length = unpack_little_endian("HH", data, 0)
    outcome = _find_message_end(data, 24 + length, packet)
    if isinstance(outcome, Incomplete):
        return outcome
    packet.add("enip")
    if command in (0x6F, 0x70):
        _dissect_items(data[30 : 24 + length], packet)
    return outcome


def _dissect_items(data: bytes, packet: Packet) -> None:
    (count,) = unpack_little_endian("H", data, 0)
    place = 2
    for _ in range(min(count, 16)):
        kind, size = unpack_little_endian("HH", data, place)
        if size and kind in (0xB1, 0xB2):
            packet.add("cip")
        place += 4 + size


def dissect_enip_io(data: bytes, packet: Packet) -> Outcome:
    """Implicit messages over UDP."""
    packet.add("enip")
    packet.add("cipio")
    return len(data)


def dissect_modbus(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of Modbus over TCP."""
    if waits := _need_more(data, 6, packet):
        return waits
    protocol, length = read("HH", data, 2)
    if protocol or not 2 <= length <= 260:
        return 0
    outcome = _find_message_end(data, 6 + length, packet)
    if not isinstance(outcome, Incomplete):
        packet.add("mbtcp")
        packet.add("modbus")
    return outcome


def dissect_mysql(data: bytes, packet: Packet) -> Outcome:
    """Dissect a packet of MySQL."""
    if waits := _need_more(data, 4, packet):
        return waits
    outcome = _find_message_end(data, 4 + int.from_bytes(data[:3], "little"), packet)
    if not isinstance(outcome, Incomplete):
        packet.add("mysql")
    return outcome


def dissect_pgsql(data: bytes, packet: Packet) -> Outcome:
    """PostgreSQL: a type and a length; the first message of a client has no type."""
    if waits := _need_more(data, 5, packet):
        return waits
    if data[0] == 0:
        total = int.from_bytes(data[:4], "big")
    elif data[:1] in (b"S", b"N") and len(data) == 1:
        total = 1
    else:
        total = 1 + int.from_bytes(data[1:5], "big")
    if not 1 <= total <= LARGEST:
        return 0
    outcome = _find_message_end(data, total, packet)
    if not isinstance(outcome, Incomplete):
        packet.add("pgsql")
    return outcome


def dissect_tds(data: bytes, packet: Packet) -> Outcome:
    """Dissect a packet of TDS (SQL Server)."""
    if waits := _need_more(data, 8, packet):
        return waits
    total = int.from_bytes(data[2:4], "big")
    if data[0] not in range(1, 20) or total < 8:
        return 0
    outcome = _find_message_end(data, total, packet)
    if not isinstance(outcome, Incomplete):
        packet.add("tds")
        if data[0] == 18 and b"\x16\x03" in data[8:11]:
            packet.add("tls")
    return outcome


def dissect_ldap(data: bytes, packet: Packet) -> Outcome:
    """A message of LDAP; a simple bind is a credential in clear text."""
    total = _read_ber_length(data)
    if total < 0:
        return Incomplete(Incomplete.ONE_SEGMENT) if packet.can_wait and len(data) < 8 else 0
    if data[0] != 0x30 or total > LARGEST:
        return 0
    outcome = _find_message_end(data, total, packet)
    if isinstance(outcome, Incomplete):
        return outcome
    packet.add("ldap")
    for mark in (b"NTLMSSP\0", b"\x06\x06\x2b\x06\x01\x05\x05\x02"):
        place = data.find(mark, 0, total)
        if place >= 0:
            dissect_security_token(
                data[place:total] if mark[:1] == b"N" else b"\x60" + data[place:total], packet
            )
            break
    return outcome


def _read_ber_length(data: bytes) -> int:
    """The length of an element with its head, -1 where that is not here yet."""
    if len(data) < 2:
        return -1
    if not data[1] & 0x80:
        return 2 + data[1]
    width = data[1] & 0x7F
    if len(data) < 2 + width or not 0 < width <= 4:
        return -1
    return 2 + width + int.from_bytes(data[2 : 2 + width], "big")


def dissect_cldap(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of connectionless LDAP."""
    if data[:1] != b"\x30":
        return 0
    packet.add("cldap")
    return len(data)


def dissect_tpkt(data: bytes, packet: Packet) -> Outcome:
    """TPKT with COTP; RDP behind it on its port."""
    if data[:1] != b"\x03":
        return packet.call("tls", data) if data[:1] in (b"\x14", b"\x15", b"\x16", b"\x17") else 0
    if waits := _need_more(data, 4, packet):
        return waits
    outcome = _find_message_end(data, int.from_bytes(data[2:4], "big"), packet)
    if isinstance(outcome, Incomplete):
        return outcome
    packet.add("tpkt")
    packet.add("cotp")
    if 3389 in (packet.source_port, packet.target_port):
        packet.add("rdp")
    elif 102 in (packet.source_port, packet.target_port) and data[7:8] == b"\x32":
        packet.add("s7comm")
    return outcome


def dissect_bgp(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of BGP."""
    if waits := _need_more(data, 19, packet):
        return waits
    if data[:16] != b"\xff" * 16:
        return 0
    outcome = _find_message_end(data, int.from_bytes(data[16:18], "big"), packet)
    if not isinstance(outcome, Incomplete):
        packet.add("bgp")
    return outcome


def dissect_rpc(data: bytes, packet: Packet) -> Outcome:
    """A call or reply of ONC RPC; its program by number."""
    if len(data) < 12 or data[4:8] not in (b"\0\0\0\0", b"\0\0\0\1"):
        return 0
    packet.add("rpc")
    calls = packet.remember("rpc calls", dict)
    if not isinstance(calls, dict):
        return len(data)
    if data[7] == 0 and len(data) >= 16:
        calls[data[:4]] = int.from_bytes(data[12:16], "big")
        while len(calls) > 4096:
            calls.pop(next(iter(calls)))
    name = {100000: "portmap", 100003: "nfs", 100005: "mount", 100021: "nlm"}.get(calls.get(data[:4], 0))
    if name:
        packet.add(name)
    return len(data)


def dissect_rpc_tcp(data: bytes, packet: Packet) -> Outcome:
    """Dissect a record of ONC RPC over TCP."""
    if waits := _need_more(data, 4, packet):
        return waits
    outcome = _find_message_end(data, 4 + (int.from_bytes(data[:4], "big") & 0x7FFFFFFF), packet)
    if not isinstance(outcome, Incomplete):
        return (
            outcome
            if isinstance(dissect_rpc(data[4:outcome], packet), int) and "rpc" in packet.protocols
            else 0
        )
    return outcome


def dissect_mqtt(data: bytes, packet: Packet) -> Outcome:
    """MQTT: a length of up to four bytes; a connection with a user name is a credential in clear text."""
    length = place = 0
    while True:
        if place + 1 >= len(data):
            return Incomplete(1) if packet.can_wait and place < 4 else len(data)
        byte = data[place + 1]
        length |= (byte & 0x7F) << (7 * place)
        place += 1
        if not byte & 0x80 or place == 4:
            break
    outcome = _find_message_end(data, 1 + place + length, packet)
    if not isinstance(outcome, Incomplete):
        packet.add("mqtt")
    return outcome


def dissect_sip(data: bytes, packet: Packet) -> Outcome:
    """Dissect a message of SIP, with a session description."""
    packet.add("sip")
    if b"application/sdp" in data[:4096]:
        packet.add("sdp")
    return len(data)


def dissect_isakmp_over_udp(data: bytes, packet: Packet) -> Outcome:
    """NAT traversal: IKE behind four zeros, else ESP."""
    packet.add("udpencap")
    if data[:4] == b"\0\0\0\0":
        packet.add("isakmp")
    elif data != b"\xff":
        packet.add("esp")
    return len(data)


def dissect_sflow(data: bytes, packet: Packet) -> Outcome:
    """sFlow of version 5: the packets that were sampled."""
    packet.add("sflow")
    packet.is_quoted = True
    version, family = read("II", data)
    if version != 5 or family not in (1, 2):
        return len(data)
    place = 8 + (4 if family == 1 else 16) + 12
    (count,) = read("I", data, place)
    place += 4
    for _ in range(min(count, 64)):
        kind, size = read("II", data, place)
        if kind & 0xFFF in (1, 3):
            _sample_payload(data[place + 8 : place + 8 + size], packet, expanded=kind & 0xFFF == 3)
        place += 8 + size
    return len(data)


def _sample_payload(data: bytes, packet: Packet, *, expanded: bool) -> None:
    place = 40 if expanded else 28
    (count,) = read("I", data, place)
    place += 4
    for _ in range(min(count, 64)):
        kind, size = read("II", data, place)
        if kind & 0xFFF == 1:
            protocol, _, _, length = read("IIII", data, place + 8)
            if protocol == 1:
                packet.call("eth", data[place + 24 : place + 24 + length])
        place += 8 + size


DISSECTORS = {
    "dnp3": dissect_dnp3,
    "dnp3_udp": dissect_dnp3_datagram,
    "enip": dissect_enip,
    "enip_io": dissect_enip_io,
    "mbtcp": dissect_modbus,
    "mysql": dissect_mysql,
    "pgsql": dissect_pgsql,
    "tds": dissect_tds,
    "ldap": dissect_ldap,
    "cldap": dissect_cldap,
    "tpkt": dissect_tpkt,
    "bgp": dissect_bgp,
    "rpc": dissect_rpc,
    "rpc_tcp": dissect_rpc_tcp,
    "mqtt": dissect_mqtt,
    "sip": dissect_sip,
    "udpencap": dissect_isakmp_over_udp,
    "sflow": dissect_sflow,
}
