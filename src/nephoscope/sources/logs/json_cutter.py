"""Cut JSON into records, whatever wraps them: what is broken is a piece up to the next record that is whole. Grammar: RFC 8259."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nephoscope.sources.logs.cutter import Block, Cutter, Piece
from nephoscope.sources.logs.json_value import measured
from nephoscope.sources.logs.oversized import Oversized

if TYPE_CHECKING:
    from nephoscope.sources.logs.cutter import Bounds
    from nephoscope.sources.logs.window import Window

_TRIALS = 8
UNENDED = "the stream ends inside a record"

_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,4096}"|-?[0-9][0-9.eE+-]{0,40}|true|false|null)'
_MEMBER = rb'\s*"(?:[^"\\]|\\.){1,256}"\s*:\s*' + _SCALAR
WRAPPER = re.compile(
    rb'\{(?:(?:%b\s*,){0,64}\s*"[Rr]ecords"|(?:\s*"(?:@odata[^"]{0,64}|nextLink|count)"\s*:\s*%b\s*,){0,8}\s*"value")\s*:\s*\[(?=\s*[{\]])'
    % (_MEMBER, _SCALAR)
)
_BETWEEN = re.compile(rb"[\s,\]\}]*")
#: The end of an answer with members behind its array: nothing or another object follows.
_BEHIND = re.compile(rb"\s*\]\s*(?:,%b\s*)+\}\s*(?=\{|\Z)" % _MEMBER)
_ONLY_SEPARATORS = re.compile(rb"[\s,]*")
_BLANK = re.compile(rb"\s*")
_FIRST_KEY = re.compile(rb'\{\s*"(?:[^"\\]|\\.){0,256}"')
_IN_LIST = re.compile(rb"(?:(?<=[\r\n])|(?<=[,\[] )|(?<=[,\[]))\{|(?<=[,\[]\n)[ \t]*\{")
_ON_LINE = re.compile(rb"(?<=[\r\n])\{")


class JsonCutter(Cutter):
    """Cuts JSON. Within a block nothing is looked at beyond `horizon`, so that blocks never depend on what was read before."""

    def __init__(self, window: Window, growing: bool, bounds: Bounds) -> None:
        super().__init__(window, growing, bounds)
        self.key = b""
        self.horizon = 0
        self.listed = False
        self.oversized: tuple[str, Oversized] | None = None
        self.enveloped = self.resumed

    def block(self) -> Block | None:
        """Records until a block is full."""
        window = self.window
        pieces: list[Piece] = []
        window.fill(2 * self.bounds.block)
        self.find_ends()
        between = self._between(first=True)
        window.fill(2 * self.bounds.block)
        plain = True
        start = window.position
        self.horizon = start + 2 * self.bounds.block
        while window.left and window.position - start < self.bounds.block:
            piece = self._piece(begun=bool(pieces))
            if piece is None:
                break
            pieces.append(piece)
            plain = plain and between and not piece.error
            between = self._between(first=False)
        if not pieces:
            return self._oversized(*self.oversized) if self.oversized else None
        stop = pieces[-1].end
        made = [piece._replace(start=piece.start - start, end=piece.end - start) for piece in pieces]
        last = window.buffer[pieces[-1].start : stop]
        unended = len(last) if pieces[-1].error == UNENDED else len(last) - len(last.rstrip())
        return Block(
            window.buffer[start:stop], window.base + start, window.base + stop, False, plain, made, unended
        )

    def _oversized(self, reason: str, record: Oversized) -> Block | None:
        """Go over the record at the position without holding it; None when its end is left for the next time."""
        window = self.window
        self.oversized = None
        place = self.place(window.position)
        start = window.base + window.position
        head = window.buffer[window.position : window.position + self.bounds.head]
        size = -1
        while read := window.passed():
            size = record.end(read)
            window.position -= len(read) - size if size >= 0 else 0
            self.count(window.position - (size if size >= 0 else len(read)), window.position)
            if size >= 0:
                break
        else:
            if self.growing and not record.broken_at:
                return None
        self.listed = self.listed and bool(record.broken_at)  # else what stands behind its end says it
        self.record += 1
        return self.skipped(head, start, place, reason, ended=size >= 0)

    def _between(self, *, first: bool) -> bool:
        """Go over what stands before the next record; False when that is more than commas and blanks."""
        window = self.window
        buffer = window.buffer
        plain, opened = True, False
        while True:
            start = window.position
            end = _BETWEEN.match(buffer, start).end()  # type: ignore[union-attr]
            behind = _BEHIND.match(buffer, start) if self.enveloped else None
            if behind and (window.ended or behind.end() < len(buffer)):
                end = behind.end()
            plain = plain and (first or _ONLY_SEPARATORS.fullmatch(buffer, start, end) is not None)
            if opened or end > start or not first:  # else it was gone over at the end of the block before
                self.listed = opened or buffer.find(b",", start, end) >= 0
            stop = self._opened(end)
            self.count(start, max(end, stop))
            window.position = max(end, stop)
            if not stop:
                return plain
            self.wrapped = opened = True
            plain = first

    def _opened(self, at: int) -> int:
        """Behind the bracket that opens an array or an answer at a byte of the window, 0 where none does."""
        buffer = self.window.buffer
        byte = buffer[at : at + 1]
        if byte == b"[":
            return at + 1
        if byte != b"{" or (self.key and buffer.startswith(self.key, at)):
            return 0
        wrapper = WRAPPER.match(buffer, at, at + self.bounds.head)
        self.enveloped = self.enveloped or wrapper is not None
        return wrapper.end() if wrapper else 0

    def _piece(self, *, begun: bool) -> Piece | None:
        """The record at the position, or a broken stretch.

        None when it is not whole within the block, or is left for the next time.
        """
        window = self.window
        place = self.place(window.position)
        if window.buffer[window.position] != 0x7B:
            return self._broken(0, place, "expected a JSON object", begun)
        while True:
            limit = self._limit(begun)
            whole = window.ended and not self.growing and limit >= len(window.buffer)
            size, reason, at = measured(window.buffer, window.position, limit, whole=whole)
            if size:
                return self._whole(size, place)
            if reason:
                return self._broken(at, place, reason, begun)
            if begun and window.position + window.left > self.horizon:
                return None
            if not begun and window.left > self.bounds.record:
                self.oversized = (
                    f"the record is over {self.bounds.record} bytes",
                    Oversized(listed=self.listed),
                )
                return None
            if window.ended:
                if self.growing:
                    return None
                return self._broken(window.left, place, UNENDED, begun)
            if begun:
                return None
            window.fill(2 * window.left)

    def _limit(self, begun: bool) -> int:
        return self.horizon if begun else self.window.position + self.bounds.record

    def _whole(self, size: int, place: str) -> Piece:
        window = self.window
        start = window.position
        if not self.key:
            match = _FIRST_KEY.match(window.buffer, start, start + 1024)
            self.key = match.group() if match else b""
        self._move(size)
        return Piece(start, start + size, place)

    def _move(self, size: int) -> None:
        window = self.window
        self.count(window.position, window.position + size)
        self.record += 1
        window.position += size

    def _broken(self, at: int, place: str, reason: str, begun: bool) -> Piece | None:
        """The broken stretch up to the next record that is whole, or begins `at` bytes on or behind that."""
        window = self.window
        while True:
            size = self._next_record(at, self._limit(begun))
            if size:
                break
            if begun and (not window.ended or window.position + window.left > self.horizon):
                return None
            if not begun and window.left > self.bounds.record:
                self.oversized = reason, Oversized(listed=self.listed, broken_at=max(at, self.bounds.record))
                return None
            if window.ended:
                break
            window.fill(window.left + self.bounds.block)
        start = window.position
        size = size or window.left
        while window.buffer[start + size - 1] in b", \t\r\n" and size > 1:  # they say whether a list goes on
            size -= 1
        self._move(size)
        return Piece(start, start + size, place, reason)

    def _next_record(self, at: int, limit: int) -> int:
        """How far on the next record begins, 0 = not within the limit; outside of a list it begins on a line of its own."""
        buffer, start = self.window.buffer, self.window.position
        trials = 0
        candidates = _IN_LIST if self.listed else _ON_LINE
        for match in candidates.finditer(buffer, start + 1, min(limit, len(buffer))):
            candidate = match.end() - 1
            if candidate >= start + at:
                return candidate - start
            if trials < _TRIALS and (not self.key or buffer.startswith(self.key, candidate)):
                trials += 1
                if measured(buffer, candidate, start + at + self.bounds.head)[0]:
                    return candidate - start
        return 0
