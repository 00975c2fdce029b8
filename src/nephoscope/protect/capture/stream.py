"""Streams: what is remembered of a conversation between its packets."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Direction:
    """One direction of a TCP stream: the next sequence number, and what waits for the rest of its PDU."""

    next: int | None = None
    time: int = 0
    base: int = 0
    buffer: bytearray = field(default_factory=bytearray)
    parts: dict[int, bytes] = field(default_factory=dict)
    wanted: int = 0
    acknowledged: int | None = None
    ended: bool = False


@dataclass(slots=True)
class Stream:
    """A conversation: its server's port, the dissector that took it, and what dissectors remember of it by their name."""

    key: tuple[object, ...]
    server: int = 0
    dissector: str = ""
    directions: dict[tuple[str, int], Direction] = field(default_factory=dict)
    memory: dict[str, object] = field(default_factory=dict)
    first: int | None = None
