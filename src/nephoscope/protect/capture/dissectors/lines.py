"""Protocols of lines: FTP with its data connections, SSH, telnet and others whose segments need no reassembly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.protect.capture.packet import Incomplete
from nephoscope.protect.capture.stream import Stream

if TYPE_CHECKING:
    from nephoscope.protect.capture.packet import Outcome, Packet

_PASSIVE = re.compile(rb"227 .*?(\d+),(\d+),(\d+),(\d+),(\d+),(\d+)")
_EXTENDED = re.compile(rb"229 .*\(\|\|\|(\d+)\|\)")
_ACTIVE = re.compile(rb"PORT (\d+),(\d+),(\d+),(\d+),(\d+),(\d+)", re.IGNORECASE)


def dissect_ftp(data: bytes, packet: Packet) -> Outcome:
    """Commands and replies; a reply that opens a data connection names its port."""
    packet.add("ftp")
    if packet.from_client():
        words = data[:512].split()
        if len(words) > 1 and words[0].upper() == b"USER":
            packet.remember("ftp user", lambda: words[1])
        if words and words[0].upper() == b"PASS":
            user = packet.remember("ftp user", bytes)
            packet.credential(
                "ftp", bytes(user).decode("utf-8", "replace") if isinstance(user, bytes) else ""
            )
        if found := _ACTIVE.match(data):
            _expect_data_connection(
                packet,
                ".".join(part.decode() for part in found.groups()[:4]),
                int(found[5]) * 256 + int(found[6]),
                packet.target,
            )
    elif found := _PASSIVE.search(data[:512]):
        _expect_data_connection(
            packet,
            ".".join(part.decode() for part in found.groups()[:4]),
            int(found[5]) * 256 + int(found[6]),
            packet.target,
        )
    elif found := _EXTENDED.search(data[:512]):
        _expect_data_connection(packet, packet.source, int(found[1]), packet.target)
    return len(data)


def _expect_data_connection(packet: Packet, server: str, port: int, client: str) -> None:
    expected = packet.summary.expected
    if port < 65536 and len(expected) < 4096:
        expected[server, port] = "ftp-data"
        if server != packet.source and client == packet.target:
            expected[packet.source, port] = "ftp-data"


def dissect_ftp_data(data: bytes, packet: Packet) -> Outcome:
    """A file: text is shown in lines."""
    packet.add("ftp-data")
    text = data[:4096]
    if text and all(byte in b"\t\r\n\f\v\b" or 32 <= byte < 127 for byte in text):
        packet.add("data-text-lines")
    else:
        packet.call_data(data)
    return len(data)


def dissect_ssh(data: bytes, packet: Packet) -> Outcome:
    """The versions, then packets: those in clear by their length, the rest a segment each."""
    sides = packet.remember("ssh", dict)
    side = (packet.source, packet.source_port)
    if not isinstance(sides, dict):
        return len(data)
    if data.startswith(b"SSH-"):
        end = data.find(b"\n") + 1
        if not end and packet.can_wait and len(data) < 512:
            return Incomplete(Incomplete.ONE_SEGMENT)
        packet.add("ssh")
        sides[side] = False
        return end or len(data)
    packet.add("ssh")
    if sides.get(side) is False and len(data) >= 6:
        length = int.from_bytes(data[:4], "big")
        if 2 <= length <= 65536 and 1 <= data[5] <= 50:
            if len(data) < 4 + length and packet.can_wait:
                return Incomplete(4 + length - len(data))
            sides[side] = data[5] == 21
            return 4 + length
    return len(data)


def dissect_telnet(data: bytes, packet: Packet) -> Outcome:
    """Note a segment of telnet."""
    packet.add("telnet")
    return len(data)


def choose_expected_dissector(packet: Packet, stream: Stream) -> str:
    """The dissector of a connection that another one announced, '' where none did."""
    expected = packet.summary.expected
    if not expected or stream.memory.get("looked up"):
        return ""
    stream.memory["looked up"] = True
    for end in ((packet.target, packet.target_port), (packet.source, packet.source_port)):
        if end in expected:
            return expected[end]
    return ""


DISSECTORS = {"ftp": dissect_ftp, "ftp-data": dissect_ftp_data, "ssh": dissect_ssh, "telnet": dissect_telnet}
