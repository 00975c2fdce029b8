"""Packet under dissection: the packet under dissection, streams, and how a dissector says that it needs more bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from nephoscope.protect.capture.capture_summary import ClearCredential

if TYPE_CHECKING:
    from nephoscope.protect.capture.capture_file import Frame
    from nephoscope.protect.capture.capture_summary import CaptureSummary
    from nephoscope.protect.capture.stream import Stream

#: Protocols inside of each other, beyond which a packet is left alone.
DEEPEST = 40


class Incomplete:
    """A PDU goes on: `size` is how many bytes it lacks, or one of the two words below."""

    __slots__ = ("size",)
    ONE_SEGMENT: Final = -1
    UNTIL_END: Final = -2

    def __init__(self, size: int) -> None:
        self.size = size


#: Consumed bytes of one PDU; 0 where the bytes are not this protocol.
Outcome = int | Incomplete
Dissector = Callable[[bytes, "Packet"], Outcome]


class MalformedError(ValueError):
    """Bytes that end before a field does; the packet is dissected up to there."""


class Packet(msgspec.Struct):
    """A frame under dissection: the protocols met so far, addresses of the innermost network layer, ports, stream."""

    frame: Frame
    summary: CaptureSummary
    dissectors: dict[str, Dissector]
    protocols: dict[str, None] = {}
    source: str = ""
    target: str = ""
    source_port: int = 0
    target_port: int = 0
    stream: Stream | None = None
    depth: int = 0
    addresses: tuple[str, str] | None = None
    ports: dict[str, tuple[int, int]] = {}
    is_fragment: bool = False
    is_quoted: bool = False
    can_wait: bool = False
    named: set[str] = set()

    def add(self, protocol: str) -> None:
        """Note that the frame carries a protocol."""
        self.protocols.setdefault(protocol)

    def call(self, name: str, data: bytes) -> Outcome:
        """Hand bytes to a dissector by its name; without bytes nothing happens."""
        if not data or self.depth >= DEEPEST:
            return len(data)
        self.depth += 1
        try:
            return self.dissectors[name](data, self)
        finally:
            self.depth -= 1

    def call_data(self, data: bytes) -> None:
        """Note bytes that no dissector knows."""
        if data:
            self.add("data")

    def from_client(self) -> bool:
        """Return whether the packet comes from the client of its stream."""
        return self.stream is None or self.source_port != self.stream.server

    def remember(self, name: str, default: Callable[[], object]) -> object:
        """Return what a dissector keeps of the stream under a name."""
        if self.stream is None:
            return default()
        memory = self.stream.memory
        found = memory.get(name)
        if found is None:
            found = memory[name] = default()
        return found

    def name(self, kind: str, text: str) -> None:
        """Count a name of a kind: dns_names, http_hosts, http_uris, tls_names, ja3, ja3s, ja4."""
        is_first = kind not in self.named
        self.summary.count_name(kind, text, is_first=is_first)
        if is_first:
            self.named.add(kind)

    def credential(self, protocol: str, user: str) -> None:
        """Note a credential in clear text that goes to the packet's target."""
        server = f"{self.target}:{self.target_port}"
        self.summary.add_credential(ClearCredential(protocol, user, server, self.frame.number))
