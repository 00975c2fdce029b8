"""Splitters: shared result types and positions of the JSON and line splitters."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.stream_window import StreamWindow

_BARE = re.compile(rb"\r[^\n]")


class CutLimits(NamedTuple):
    """Bytes: where a block ends at the latest, what is too large for a record and for a line, how much of that is kept."""

    block: int
    record: int
    line: int
    head: int


class CutRecord(NamedTuple):
    """A record, or with `error` a stretch that is none: its bytes are `block.data[start:end]`; `place` in words."""

    start: int
    end: int
    place: str
    error: str = ""


@dataclass(slots=True)
class RecordBlock:
    """Whole records: `data` as it stands in the stream from byte `start` on; reading may be taken up at byte `end`.

    `text` says that the pieces are lines of text; `plain` that nothing but commas and blanks is between the records of `data`. What is
    before byte `sure` stays as it is when the source grows: a last line or record without its end is behind it.
    """

    data: bytes
    start: int
    end: int
    text: bool = False
    plain: bool = False
    pieces: list[CutRecord] = field(default_factory=list)
    unended: int = 0

    @property
    def settled_end(self) -> int:
        """See above."""
        return self.end - self.unended


class Cutter:
    """Base of the splitters of both kinds of stream: counts lines and records."""

    text = False

    def __init__(self, window: StreamWindow, growing: bool, bounds: CutLimits) -> None:
        self.window = window
        self.growing = growing
        self.bounds = bounds
        self.resumed = window.base > 0
        self.ends: tuple[bytes, ...] = (b"\n",)
        self.line = 1
        self.record = 0
        self.wrapped = False

    def blocks(self) -> Iterator[RecordBlock]:
        """Block after block until the stream ends."""
        while True:
            block = self.block()
            if block is None:
                return
            yield block

    def block(self) -> RecordBlock | None:
        """The next block, None at the end."""
        raise NotImplementedError

    def find_ends(self) -> None:
        """See what ends the lines from here on: a carriage return too, where none of the next bytes is a line feed."""
        buffer, start = self.window.buffer, self.window.position
        stop = start + self.bounds.head
        bare = buffer.find(b"\n", start, stop) < 0 and _BARE.search(buffer, start, stop)
        self.ends = (b"\n", b"\r") if bare else (b"\n",)

    def place(self, at: int) -> str:
        """Describe where byte `at` of the window is: a record, a line or a byte."""
        if self.resumed:
            return f"byte {self.window.base + at}"
        return f"records[{self.record}]" if self.wrapped else f"line {self.line}"

    def skip_piece(self, head: bytes, start: int, place: str, reason: str, *, ended: bool) -> RecordBlock:
        """The block of one piece that was not held: its head, from byte `start` to the position; `ended` = that is its end."""
        window = self.window
        head = head[: window.base + window.position - start]
        piece = CutRecord(0, len(head), place, reason)
        return RecordBlock(
            head,
            start,
            window.base + window.position,
            self.text,
            False,
            [piece],
            0 if ended else window.base + window.position - start,
        )

    def count(self, start: int, end: int) -> None:
        """Count the lines of a stretch of the window that has been gone over."""
        if not self.wrapped and not self.resumed:
            buffer = self.window.buffer
            first = buffer.find(
                self.ends[-1], start, end
            )  # most records have none, and to find that out is much faster than to count
            self.line += buffer.count(self.ends[-1], first, end) if first >= 0 else 0
