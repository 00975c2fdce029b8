"""Plain packets: TCP and UDP over IP over Ethernet, whose flow is looked up at once by the bytes that name it.

Their headers lie at fixed places, so that a packet without contents is counted without going through the layers, and one with
contents starts at the dissector of its stream. All others (tags, tunnels, fragments, options, errors, what is cut off) are left to
the dissectors, with which these results agree.
"""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.protect.capture.dissectors.transport import (
    ACK,
    FIN,
    RST,
    SYN,
    begin_stream,
    dissect_datagram,
    dissect_segment,
    find_stream,
)
from nephoscope.protect.capture.packet import Packet
from nephoscope.protect.capture.stream import Direction, Stream

if TYPE_CHECKING:
    from nephoscope.protect.capture.capture_file import Frame
    from nephoscope.protect.capture.capture_summary import CaptureSummary, FlowCount
    from nephoscope.protect.capture.packet import Dissector

ETHERNET, IPV4, IPV6 = 1, 0x0800, 0x86DD
TCP, UDP = 6, 17
#: Layers of a packet at the dissector of its transport: Ethernet, IP, transport.
DEPTH = 3
#: Directions that are remembered at once.
MOST_PATHS = 400_000
_IPV4 = struct.Struct("!12xHBxHxxHxB")
_IPV6 = struct.Struct("!18xHB")
_TCP = struct.Struct("!I4xH")
_UDP = struct.Struct("!H")
_PORTS = struct.Struct("!HH")
_LAYERS = {
    (IPV4, TCP): ("eth", "ethertype", "ip", "tcp"),
    (IPV4, UDP): ("eth", "ethertype", "ip", "udp"),
    (IPV6, TCP): ("eth", "ethertype", "ipv6", "tcp"),
    (IPV6, UDP): ("eth", "ethertype", "ipv6", "udp"),
}


class _Path(msgspec.Struct):
    """One direction of a conversation: its layers, its ends, its count of frames and bytes, and its stream once it has one."""

    layers: tuple[str, ...]
    protocols: dict[str, None]
    source: str
    target: str
    ports: tuple[int, int]
    counts: FlowCount
    stream: Stream | None = None
    direction: Direction | None = None


class PlainPackets:
    """Takes the plain packets of a capture into its summary; `finish` adds their protocols."""

    def __init__(self, summary: CaptureSummary, dissectors: dict[str, Dissector]) -> None:
        self._summary, self._dissectors = summary, dissectors
        self._paths: dict[int, dict[bytes, _Path]] = {TCP: {}, UDP: {}}
        self._bare: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def dissect_frame(self, frame: Frame) -> bool:
        """Count a plain packet and dissect its contents; False where it is none, and nothing was done."""
        data = frame.data
        if frame.link != ETHERNET or len(data) < 42:
            return False
        kind, version, length, fragment, protocol = _IPV4.unpack_from(data)
        if kind == IPV4 and version == 0x45 and not fragment & 0x3FFF:
            start, key = 34, data[26:38]
            end = 14 + length if 20 <= length < len(data) - 14 else len(data)
        elif kind == IPV6 and len(data) >= 62:
            length, protocol = _IPV6.unpack_from(data)
            start, key = 54, data[22:58]
            end = 54 + length if 0 < length < len(data) - 54 else len(data)
        else:
            return False
        if protocol == TCP:
            return end >= start + 20 and self._dissect_segment(frame, key, start, end)
        return protocol == UDP and end >= start + 8 and self._dissect_datagram(frame, key, start, end)

    def finish(self) -> None:
        """Add the protocols of the packets; afterwards no packet is taken."""
        for layers, frames in self._bare.items():
            for one in layers:
                self._summary.protocol_frames[one] += frames
        self._bare.clear()
        self._paths.clear()

    def _dissect_segment(self, frame: Frame, key: bytes, start: int, end: int) -> bool:
        sequence, word = _TCP.unpack_from(frame.data, start + 4)
        size = (word >> 12) * 4
        path = self._paths[TCP].get(key) or self._find_path(key, TCP)
        if size < 20 or path is None:
            return False
        stream = path.stream
        if stream is None or stream.is_forgotten:
            stream, path.direction = self._join_stream(path)
        direction = path.direction
        if direction is None:
            return False
        flags = word & 0x3F
        if flags & RST:
            self._summary.resets += 1
        if flags & SYN:
            self._summary.syn += not flags & ACK
            begin_stream(stream, direction, path.ports, sequence, flags)
            sequence = (sequence + 1) % 2**32
        elif not stream.server:
            stream.server = min(path.ports)
        payload = frame.data[start + size : end]
        counts = path.counts
        counts.frames += 1
        counts.bytes += frame.length
        if payload or direction.buffer:
            packet = self._open_packet(frame, path)
            dissect_segment(packet, direction, sequence, payload, flags)
            self._close_packet(packet, path)
            return True
        if direction.next is None:
            direction.next = sequence
        if flags & FIN and sequence == direction.next:
            direction.ended = True
        self._bare[path.layers] += 1
        return True

    def _dissect_datagram(self, frame: Frame, key: bytes, start: int, end: int) -> bool:
        (length,) = _UDP.unpack_from(frame.data, start + 4)
        path = self._paths[UDP].get(key) or self._find_path(key, UDP)
        if path is None:
            return False
        path.counts.frames += 1
        path.counts.bytes += frame.length
        payload = frame.data[start + 8 : min(end, start + length) if length >= 8 else end]
        if not payload:
            self._bare[path.layers] += 1
            return True
        stream = path.stream
        if stream is None or stream.is_forgotten:
            source, target = (path.source, path.ports[0]), (path.target, path.ports[1])
            stream = path.stream = find_stream(self._summary, "udp", source, target)
        packet = self._open_packet(frame, path)
        dissect_datagram(packet, stream, payload)
        self._close_packet(packet, path)
        return True

    def _open_packet(self, frame: Frame, path: _Path) -> Packet:
        """A packet at its transport: the layers below are known."""
        return Packet(
            frame,
            self._summary,
            self._dissectors,
            path.protocols.copy(),
            path.source,
            path.target,
            *path.ports,
            path.stream,
            DEPTH,
            (path.source, path.target),
            {path.layers[-1]: path.ports},
        )

    def _close_packet(self, packet: Packet, path: _Path) -> None:
        """Count the protocols of a packet, and the conversation of another transport that its contents carry."""
        self._bare[tuple(packet.protocols)] += 1
        if len(packet.ports) > 1:
            summary = self._summary
            carried = {name: ends for name, ends in packet.ports.items() if name != path.layers[-1]}
            summary.count_conversations(packet.frame, packet.addresses, carried)

    def _join_stream(self, path: _Path) -> tuple[Stream, Direction]:
        source, target = (path.source, path.ports[0]), (path.target, path.ports[1])
        path.stream = find_stream(self._summary, "tcp", source, target)
        directions = path.stream.directions
        direction = directions.get(source)
        if direction is None:
            direction = directions[source] = Direction()
        return path.stream, direction

    def _find_path(self, key: bytes, protocol: int) -> _Path | None:
        """Remember a direction by its bytes; None where its conversation is one too many to be counted."""
        paths, size = self._paths[protocol], (len(key) - 4) // 2
        if len(paths) >= MOST_PATHS:
            paths.clear()
        back = paths.get(key[size : 2 * size] + key[:size] + key[-2:] + key[-4:-2])
        if back is not None:
            path = paths[key] = _Path(
                back.layers, back.protocols, back.target, back.source, back.ports[::-1], back.counts
            )
            return path
        family = socket.AF_INET if size == 4 else socket.AF_INET6
        source, target = socket.inet_ntop(family, key[:size]), socket.inet_ntop(family, key[size : 2 * size])
        source_port, target_port = _PORTS.unpack_from(key, 2 * size)
        layers = _LAYERS[IPV4 if size == 4 else IPV6, protocol]
        counts = self._summary.count_conversation(layers[-1], (source, source_port), (target, target_port))
        if counts is None:
            return None
        protocols, ports = dict.fromkeys(layers), (source_port, target_port)
        path = paths[key] = _Path(layers, protocols, source, target, ports, counts)
        return path
