"""Stream window: the part of a byte stream that is being split into records."""

from __future__ import annotations

from typing import BinaryIO

READ = 1024 * 1024
_MOST = 4 * 1024 * 1024


class StreamWindow:
    """The part of the stream that is held: `buffer` from byte `base` on, `position` within it is where cutting stands."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        self.stream = stream
        self.base = offset
        self.buffer = b""
        self.position = 0
        self.ended = False

    def fill(self, wanted: int) -> None:
        """Read until `wanted` bytes stand before the position, or the stream has ended."""
        have = len(self.buffer) - self.position
        parts = [self.buffer[self.position :]]
        while have < wanted and not self.ended:
            part = self.stream.read(max(READ, min(wanted - have, _MOST)))
            self.ended = not part
            parts.append(part)
            have += len(part)
        if len(parts) > 1:
            self.base += self.position
            self.buffer = b"".join(parts)
            self.position = 0

    def read_next(self) -> bytes:
        """Go over the next bytes, at most a read, which are held until the next call; nothing at the end."""
        if not self.buffered_size and not self.ended:
            self.base += self.position
            self.position = 0
            self.buffer = self.stream.read(READ)
            self.ended = not self.buffer
        start = self.position
        self.position = min(start + READ, len(self.buffer))
        return self.buffer[start : self.position]

    @property
    def buffered_size(self) -> int:
        """The bytes that are held behind the position."""
        return len(self.buffer) - self.position
