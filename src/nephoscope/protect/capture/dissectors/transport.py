"""TCP and UDP: which dissector gets the payload, and PDUs that span segments.

A dissector gets whole PDUs: bytes that are not one yet wait for the next segments. What was seen before is not dissected again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.protect.capture.dissectors.lines import choose_expected_dissector
from nephoscope.protect.capture.dissectors.link import read
from nephoscope.protect.capture.packet import Incomplete, MalformedError, Outcome
from nephoscope.protect.capture.ports import TCP_HEURISTICS, TCP_PORTS, UDP_HEURISTICS, UDP_PORTS
from nephoscope.protect.capture.stream import Direction, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.protect.capture.capture_summary import CaptureSummary, Endpoint
    from nephoscope.protect.capture.packet import Packet

FIN, SYN, RST, ACK = 1, 2, 4, 16
#: Bytes of one PDU that may wait, and segments of it that came too early.
LARGEST_PDU = 32 * 1024 * 1024
MOST_PARTS = 4096
#: Streams that are remembered at once.
MOST_STREAMS = 200_000
WRAP = 2**32


def find_stream(summary: CaptureSummary, protocol: str, source: Endpoint, target: Endpoint) -> Stream:
    """The stream between two ends; a new one takes the place of the oldest where there are too many."""
    key = (protocol, source, target) if source <= target else (protocol, target, source)
    streams = summary.streams
    found = streams.get(key)
    if found is None:
        while len(streams) >= MOST_STREAMS:
            streams.pop(next(iter(streams))).is_forgotten = True
        found = streams[key] = Stream(key)
    return found


def _read_stream(packet: Packet, protocol: str) -> Stream:
    source, target = (packet.source, packet.source_port), (packet.target, packet.target_port)
    return find_stream(packet.summary, protocol, source, target)


def dissect_tcp(data: bytes, packet: Packet) -> Outcome:
    """A TCP segment: its payload goes on to the dissector of its stream."""
    packet.add("tcp")
    source, target, sequence, _, word = read("HHIIH", data)
    packet.ports.setdefault("tcp", (source, target))
    packet.source_port, packet.target_port = source, target
    flags = word & 0x3F
    if packet.is_quoted:
        return _dissect_quoted_packet(data[max(word >> 12, 5) * 4 :], packet, "tcp")
    if packet.ports["tcp"] == (source, target):
        packet.summary.syn += flags & (SYN | ACK) == SYN
        packet.summary.resets += bool(flags & RST)
    size = (word >> 12) * 4
    if size < 20:
        return len(data)
    stream = packet.stream = _read_stream(packet, "tcp")
    direction = stream.directions.setdefault((packet.source, source), Direction())
    if flags & SYN:
        begin_stream(stream, direction, (source, target), sequence, flags)
        sequence = (sequence + 1) % WRAP
    elif not stream.server:
        stream.server = min(source, target)
    _dissect_segment(packet, direction, sequence, data[size:], flags)
    return len(data)


def _dissect_quoted_packet(payload: bytes, packet: Packet, protocol: str) -> Outcome:
    """Dissect what an ICMP error quotes, without a trace in its stream."""
    packet.stream = Stream((), min(packet.source_port, packet.target_port))
    names = TCP_PORTS if protocol == "tcp" else UDP_PORTS
    for port in sorted((packet.source_port, packet.target_port)):
        if payload and port in names and _try_datagram(packet, names[port], payload):
            return len(payload)
    packet.call_data(payload)
    return len(payload)


def begin_stream(
    stream: Stream, direction: Direction, ports: tuple[int, int], sequence: int, flags: int
) -> None:
    """Begin at a handshake: a new one on the ports of an old stream makes a new stream."""
    if not flags & ACK:
        if stream.first is not None and stream.first != sequence:
            stream.dissector, stream.memory = "", {}
            for other in stream.directions.values():
                other.restart()
        stream.first = sequence
        stream.server = ports[1]
    elif not stream.server:
        stream.server = ports[0]
    direction.next = (sequence + 1) % WRAP


def _is_before(left: int, right: int) -> bool:
    """Return whether a sequence number comes before another."""
    return left != right and (right - left) % WRAP < WRAP // 2


def _dissect_segment(packet: Packet, direction: Direction, sequence: int, payload: bytes, flags: int) -> None:
    """Give the payload of a segment to the stream's dissector, with what waited for it."""
    following = (sequence + len(payload)) % WRAP
    if payload:
        if (
            direction.next is not None
            and not _is_before(direction.next, following)
            and sequence != direction.next
        ):
            _record_retransmission(packet, direction, sequence)
        elif direction.buffer and direction.next is not None and _is_before(direction.next, sequence):
            _hold_segment(packet, direction, sequence, payload, following)
        else:
            overlap = (direction.next - sequence) % WRAP if direction.next is not None else 0
            fresh = payload[overlap:] if overlap < len(payload) else payload
            _append_segment(packet, direction, fresh, following)
    elif direction.next is None:
        direction.next = sequence
    if flags & FIN and not direction.ended and (payload or sequence == direction.next):
        direction.ended = True
        _finish_direction(packet, direction)


def _record_retransmission(packet: Packet, direction: Direction, sequence: int) -> None:
    """A segment that was seen, or that comes after its successors did."""
    if packet.frame.time - direction.time < 3_000_000 and sequence in direction.parts:
        return
    packet.summary.retransmissions += 1


def _hold_segment(
    packet: Packet, direction: Direction, sequence: int, payload: bytes, following: int
) -> None:
    """A segment behind a gap: it waits where its PDU does, else it is dissected alone."""
    gap = (sequence - (direction.next or 0)) % WRAP
    place = len(direction.buffer) + gap
    if direction.wanted == Incomplete.UNTIL_END or place < direction.wanted:
        if len(direction.parts) < MOST_PARTS:
            direction.parts[sequence] = payload
        return
    direction.buffer.clear()
    direction.parts.clear()
    direction.wanted = 0
    _append_segment(packet, direction, payload, following)


def _append_segment(packet: Packet, direction: Direction, payload: bytes, following: int) -> None:
    direction.next, direction.time = following, packet.frame.time
    if not direction.buffer and not direction.parts and not direction.wanted:
        packet.can_wait = True
        _dissect_pdus(packet, direction, payload)
        return
    direction.buffer += payload
    while direction.parts and direction.next in direction.parts:
        part = direction.parts.pop(direction.next)
        direction.buffer += part
        direction.next = (direction.next + len(part)) % WRAP
    if len(direction.buffer) > LARGEST_PDU:
        direction.buffer.clear()
        direction.wanted = 0
        return
    if direction.wanted == Incomplete.UNTIL_END or len(direction.buffer) < direction.wanted:
        return
    packet.can_wait = True
    _dissect_buffer(packet, direction)


def _dissect_buffer(packet: Packet, direction: Direction) -> None:
    data = bytes(direction.buffer)
    direction.buffer.clear()
    direction.wanted = 0
    _dissect_pdus(packet, direction, data)


def _dissect_pdus(packet: Packet, direction: Direction, data: bytes) -> None:
    """Dissect PDU after PDU; what is not one yet stays."""
    place = 0
    while place < len(data):
        rest = data[place:] if place else data
        outcome = _dissect_stream(packet, rest)
        if isinstance(outcome, Incomplete):
            direction.buffer += rest
            direction.wanted = (
                len(rest) + outcome.size
                if outcome.size > 0
                else Incomplete.UNTIL_END
                if outcome.size == Incomplete.UNTIL_END
                else len(rest) + 1
            )
            return
        place += outcome if outcome > 0 else len(rest)


def _finish_direction(packet: Packet, direction: Direction) -> None:
    """The end of a direction: what waits for it is a PDU now."""
    if direction.buffer and direction.wanted == Incomplete.UNTIL_END:
        packet.can_wait = False
        _dissect_buffer(packet, direction)
        direction.buffer.clear()


def _dissect_stream(packet: Packet, data: bytes) -> Outcome:
    """Try the stream's dissector, those of the ports, then those that recognize their first bytes."""
    stream = packet.stream
    if stream is None:
        return len(data)
    if stream.dissector:
        outcome = _try_dissector(packet, stream.dissector, data)
        if isinstance(outcome, Incomplete) or outcome > 0:
            return outcome
    else:
        stream.dissector = choose_expected_dissector(packet, stream)
        if stream.dissector:
            return packet.call(stream.dissector, data)
    for name in _read_port_dissectors(packet, stream):
        if name != stream.dissector:
            outcome = _try_dissector(packet, name, data)
            if isinstance(outcome, Incomplete) or outcome > 0:
                return outcome
    for name, recognizes in TCP_HEURISTICS:
        if recognizes(data):
            outcome = _try_dissector(packet, name, data)
            if isinstance(outcome, Incomplete) or outcome > 0:
                stream.dissector = name
                return outcome
    packet.call_data(data)
    return len(data)


def _read_port_dissectors(packet: Packet, stream: Stream) -> Iterator[str]:
    """The dissectors of the server's port, then of the lower and the higher one."""
    server = stream.server
    if name := TCP_PORTS.get(server):
        yield name
    low, high = packet.source_port, packet.target_port
    for port in (low, high) if low < high else (high, low):
        if port != server and (name := TCP_PORTS.get(port)):
            yield name


def _try_dissector(packet: Packet, name: str, data: bytes) -> Outcome:
    """Call a dissector; where it refuses or waits, the protocols that it noted are taken back."""
    before = packet.protocols.copy()
    outcome = packet.call(name, data)
    if isinstance(outcome, Incomplete) and not packet.can_wait:
        return len(data)
    if isinstance(outcome, Incomplete) or outcome == 0:
        packet.protocols = before
    return outcome


def dissect_udp(data: bytes, packet: Packet) -> Outcome:
    """A UDP datagram."""
    packet.add("udp")
    source, target, length = read("HHH", data)
    packet.ports.setdefault("udp", (source, target))
    packet.source_port, packet.target_port = source, target
    payload = data[8 : length if length >= 8 else len(data)]
    if packet.is_quoted:
        return _dissect_quoted_packet(payload, packet, "udp")
    if payload:
        _dispatch_datagram(packet, payload)
    return len(data)


def _dispatch_datagram(packet: Packet, payload: bytes) -> None:
    """Give a datagram to the dissector of its stream, of its ports, or to one that recognizes it."""
    packet.stream = _read_stream(packet, "udp")
    _dissect_in_stream(packet, packet.stream, payload)


def _dissect_in_stream(packet: Packet, stream: Stream, payload: bytes) -> None:
    source, target = packet.source_port, packet.target_port
    low, high = (source, target) if source <= target else (target, source)
    stream.server = stream.server or low
    first, second, third = stream.dissector, UDP_PORTS.get(low, ""), UDP_PORTS.get(high, "")
    if first and _try_datagram(packet, first, payload):
        return
    if second and second != first and _try_datagram(packet, second, payload):
        return
    if third and third not in (first, second) and _try_datagram(packet, third, payload):
        return
    for name, recognizes in UDP_HEURISTICS:
        if recognizes(payload) and _try_datagram(packet, name, payload):
            stream.dissector = name
            return
    packet.call_data(payload)


def dissect_segment(packet: Packet, direction: Direction, sequence: int, payload: bytes, flags: int) -> None:
    """Dissect a segment of a known stream; one that ends too early is counted."""
    try:
        _dissect_segment(packet, direction, sequence, payload, flags)
    except (MalformedError, IndexError):
        packet.summary.left_out["malformed packets"] += 1


def dissect_datagram(packet: Packet, stream: Stream, payload: bytes) -> None:
    """Dissect a datagram of a known stream; one that ends too early is counted."""
    try:
        _dissect_in_stream(packet, stream, payload)
    except (MalformedError, IndexError):
        packet.summary.left_out["malformed packets"] += 1


def _try_datagram(packet: Packet, name: str, payload: bytes) -> bool:
    before = packet.protocols.copy()
    outcome = packet.call(name, payload)
    if not isinstance(outcome, Incomplete) and outcome == 0:
        packet.protocols = before
        return False
    return True


DISSECTORS = {"tcp": dissect_tcp, "udp": dissect_udp}
