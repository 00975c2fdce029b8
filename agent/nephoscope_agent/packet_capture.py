"""Packet capture: packets of this machine as pcap, within limits, at once or when more TCP segments pass than usual.

Packets are read from a packet socket in a thread of its own, so that the machine needs no other program. All interfaces have one form
of the link layer (LINUX_SLL), which tcpdump writes for `any` too.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from nephoscope_agent.segment_baseline import LEAST, SegmentBaseline, count_segments

#: Bytes of a pcap file, as the server takes it, and the longest times of capturing and of waiting for a threshold.
MOST_BYTES, MOST_SECONDS, MOST_WAIT = 4 << 20, 3600, 4 * 3600
_LINUX_SLL = 113
_EVERY_PROTOCOL, _SOL_PACKET, _STATISTICS, _BUFFER = 0x0003, 263, 6, 8 << 20
_TIMESTAMPNS = 35
_OUTGOING, _LOOPBACK = 4, 772
_PROTOCOLS = {"any": None, "tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}
_LONGEST_PACKET = 65_535
_PAUSE = 0.25


class PacketCaptureError(Exception):
    """A capture that cannot be meant; the message says why."""


@dataclass(frozen=True)
class CaptureLimits:
    """When a capture ends, and when it begins: above `above` TCP segments a second, or above `times` the usual number once `learn`
    seconds were learned (both 0 = at once)."""

    seconds: float
    packets: int
    bytes: int
    ring: bool
    above: float
    times: float = 0.0
    learn: float = 0.0

    @classmethod
    def parse(cls, arguments: dict[str, str]) -> CaptureLimits:
        """Read the limits of an order. Raises PacketCaptureError, ValueError, KeyError."""
        seconds, packets, size = (int(arguments[name]) for name in ("seconds", "packets", "bytes"))
        if not 1 <= seconds <= MOST_SECONDS or packets < 1 or not 1024 <= size <= MOST_BYTES:
            raise PacketCaptureError(
                f"a capture has 1 to {MOST_SECONDS:,} seconds, at least 1 packet, and 1,024 to {MOST_BYTES:,} bytes"
            )
        above, is_learned = arguments["above"], arguments["above"].endswith("x")
        times = float(above[:-1]) if is_learned else 0.0
        learn = float(arguments["learn"]) if is_learned else 0.0
        if is_learned and not (times >= 1 and learn >= 1):
            raise PacketCaptureError(
                "a capture begins above at least once the usual traffic, of at least 1 second"
            )
        ring = arguments["ring"] == "yes"
        return cls(seconds, packets, size, ring, 0.0 if is_learned else float(above), times, learn)


@dataclass(frozen=True)
class PacketFilter:
    """Which packets are kept: by the protocol, an address and a port at either end; None and 0 for any."""

    protocol: int | None = None
    address: bytes | None = None
    port: int = 0

    @classmethod
    def parse(cls, arguments: dict[str, str]) -> PacketFilter:
        """Read the filter of an order. Raises PacketCaptureError, ValueError, KeyError."""
        if arguments["protocol"] not in _PROTOCOLS:
            raise PacketCaptureError(f"unknown protocol {arguments['protocol']!r}")
        address, port = arguments["address"], arguments["port"]
        return cls(
            _PROTOCOLS[arguments["protocol"]],
            None if address == "any" else ipaddress.ip_address(address).packed,
            0 if port == "any" else int(port),
        )

    def passes(self, protocol: int, data: bytes) -> bool:
        """Return whether a packet of the network layer is kept; `protocol` is its Ethernet type."""
        if self == PacketFilter():
            return True
        head = _read_head(protocol, data)
        if head is None:
            return False
        transport, ends, ports = head
        if self.protocol is not None and transport != self.protocol:
            return False
        return (self.address is None or self.address in ends) and (not self.port or self.port in ports)


def _read_head(protocol: int, data: bytes) -> tuple[int, tuple[bytes, bytes], tuple[int, ...]] | None:
    """The transport protocol, the two addresses and the ports of an IP packet, None for another."""
    if protocol == 0x0800 and len(data) >= 20:
        transport, ends, start = data[9], (data[12:16], data[16:20]), (data[0] & 15) * 4
        if struct.unpack_from("!H", data, 6)[0] & 0x1FFF:
            return transport, ends, ()  # a later fragment has no ports
    elif protocol == 0x86DD and len(data) >= 40:
        transport, ends, start = data[6], (data[8:24], data[24:40]), 40
    else:
        return None
    is_ported = transport in (6, 17) and len(data) >= start + 4
    return transport, ends, struct.unpack_from("!HH", data, start) if is_ported else ()


class PacketCapture:
    """A capture that an order started; `finished` is set when its file is whole."""

    status = "Succeeded"

    def __init__(self, arguments: dict[str, str], baseline: SegmentBaseline) -> None:
        """Read the order and try to open the socket. Raises PacketCaptureError, ValueError, OSError."""
        self._baseline, self._trigger = baseline, ""
        self.limits, self.filter = CaptureLimits.parse(arguments), PacketFilter.parse(arguments)
        self.finished, self._stop = threading.Event(), threading.Event()
        self._kept: deque[bytes] = deque()
        self._size = self._packets = self._dropped = 0
        self._began = self._ended = 0.0
        self._reason = ""
        self._interface = "" if arguments["interface"] == "any" else arguments["interface"]
        self._open().close()

    def start(self) -> None:
        """Start the thread that captures."""
        threading.Thread(target=self._run, name="packet capture", daemon=True).start()

    def stop(self) -> None:
        """End the capture before its limits."""
        self._stop.set()

    @property
    def message(self) -> str:
        """Say what was captured and why it ended."""
        if not self._began:
            return f"nothing was captured: {self._reason}"
        lost = f", {self._dropped:,} dropped by the system" if self._dropped else ""
        seconds = self._ended - self._began
        return f"{self._packets:,} packets{lost} in {seconds:.1f} s{self._trigger}: {self._reason}"

    @property
    def content(self) -> bytes:
        """The pcap file."""
        head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 18, _LINUX_SLL)
        return head + b"".join(self._kept)

    def _run(self) -> None:
        try:
            if self._wait_for_threshold():
                self._capture()
        except OSError as error:
            self._reason = f"{error.strerror or error}"
        finally:
            self._ended = self._ended or time.time()
            self.finished.set()

    def _wait_for_threshold(self) -> bool:
        """Wait until more TCP segments pass in a second than the threshold; return whether they did."""
        if not self.limits.above and not self.limits.times:
            return True
        begun = time.monotonic()
        before, at, threshold = count_segments(), begun, self.limits.above
        while not self._stop.wait(_PAUSE):
            now = time.monotonic()
            # of what was learned before: the traffic that is looked for is learned, too
            threshold = threshold or self._read_usual()
            if now - at >= 1:  # a shorter time would take each burst for a rate
                seen = count_segments()
                rate = (seen - before) / (now - at)
                if threshold and rate > threshold:
                    self._trigger = (
                        f", begun at {rate:,.0f} TCP segments a second (threshold {threshold:,.0f})"
                    )
                    return True
                before, at = seen, now
            if now - begun > MOST_WAIT:
                self._reason = _explain_wait(threshold, self._baseline, self.limits)
                return False
        self._reason = "stopped"
        return False

    def _read_usual(self) -> float:
        """The threshold by what is usual, 0 while too little was learned."""
        if self._baseline.seconds < self.limits.learn:
            return 0.0
        return max(self.limits.times * self._baseline.usual, LEAST)

    def _capture(self) -> None:
        """Keep packets until a limit is reached."""
        with self._open() as packets:
            self._began = time.time()
            end = time.monotonic() + self.limits.seconds
            while not self._reason:
                try:
                    data, control, _, source = packets.recvmsg(_LONGEST_PACKET, 64)
                except TimeoutError:
                    pass
                else:
                    self._keep_packet(data, control, source)
                if self._stop.is_set():
                    self._reason = self._reason or "stopped"
                elif time.monotonic() >= end:
                    self._reason = self._reason or f"the limit of {self.limits.seconds:g} seconds"
            self._ended = time.time()
            found = packets.getsockopt(_SOL_PACKET, _STATISTICS, 8)
            self._dropped = struct.unpack("=II", found)[1]

    def _open(self) -> socket.socket:
        """A socket that has the packets of the interface. Raises OSError."""
        found = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_EVERY_PROTOCOL))
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            found.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
            found.settimeout(_PAUSE)
            if self._interface:
                found.bind((self._interface, _EVERY_PROTOCOL))
        except OSError:
            found.close()
            raise
        return found

    def _keep_packet(
        self, data: bytes, control: list[tuple[int, int, bytes]], source: tuple[Any, ...]
    ) -> None:
        """Keep a packet that passes the filter; a ring drops its oldest ones, others end at the limit."""
        _, protocol, direction, hardware, address = source
        if hardware == _LOOPBACK and direction == _OUTGOING:
            return  # the loopback shows each packet twice
        if not self.filter.passes(protocol, data):
            return
        padded = address[:8].ljust(8, b"\0")
        link = struct.pack("!HHH8sH", direction, hardware, len(address), padded, protocol & 0xFFFF)
        seconds, nanoseconds = _read_time(control)
        length = len(link) + len(data)
        record = struct.pack("<IIII", seconds, nanoseconds, length, length) + link + data
        limits = self.limits
        while limits.ring and self._kept and self._exceeds(len(record)):
            self._size -= len(self._kept.popleft())
            self._packets -= 1
        if self._exceeds(len(record)):
            self._reason = f"the limit of {limits.bytes:,} bytes"
            return
        self._kept.append(record)
        self._size += len(record)
        self._packets += 1
        if not limits.ring and self._packets >= limits.packets:
            self._reason = f"the limit of {limits.packets:,} packets"

    def _exceeds(self, more: int) -> bool:
        """Return whether one more packet of so many bytes is over a limit; 24 bytes are the head of the file."""
        return self._size + more + 24 > self.limits.bytes or self._packets >= self.limits.packets


def _read_time(control: list[tuple[int, int, bytes]]) -> tuple[int, int]:
    """The time at which the system saw a packet."""
    for level, kind, value in control:
        if level == socket.SOL_SOCKET and kind == _TIMESTAMPNS and len(value) >= 16:
            seconds, nanoseconds = struct.unpack_from("=qq", value)
            return seconds, nanoseconds
    now = time.time_ns()
    return now // 10**9, now % 10**9


def _explain_wait(threshold: float, baseline: SegmentBaseline, limits: CaptureLimits) -> str:
    """Say why a capture did not begin in the time that it may wait."""
    if threshold:
        return f"never more than {threshold:,.0f} TCP segments a second"
    return (
        f"the usual traffic is not known: {baseline.seconds:,.0f} of {limits.learn:,.0f} seconds were learned"
    )
