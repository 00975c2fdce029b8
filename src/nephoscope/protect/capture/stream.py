"""Streams: what is remembered of a conversation between its packets."""

from __future__ import annotations

import msgspec


class Direction(msgspec.Struct):
    """One direction of a TCP stream: the next sequence number, and what waits for the rest of its PDU."""

    next: int | None = None
    time: int = 0
    buffer: bytearray = msgspec.field(default_factory=bytearray)
    parts: dict[int, bytes] = {}
    wanted: int = 0
    ended: bool = False

    def restart(self) -> None:
        """Forget all: another connection uses the same ports."""
        self.next, self.time, self.wanted, self.ended = None, 0, 0, False
        self.buffer, self.parts = bytearray(), {}


class Stream(msgspec.Struct):
    """A conversation: its server's port, the dissector that took it, and what dissectors remember of it by their name."""

    key: tuple[object, ...]
    server: int = 0
    dissector: str = ""
    directions: dict[tuple[str, int], Direction] = {}
    memory: dict[str, object] = {}
    first: int | None = None
    is_forgotten: bool = False
