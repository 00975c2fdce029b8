"""Cut JSON into records, whatever wraps them: what is broken is a piece up to its end or the next record. Grammar: RFC 8259."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from nephoscope.files.json_value import TOO_DEEP, decode_json, measure_value
from nephoscope.ingest.logs.json_resync import MEMBER, WRAPPER, ByteWindow
from nephoscope.ingest.logs.json_walk import JsonWalk
from nephoscope.ingest.logs.splitter import CutRecord, Cutter, RecordBlock
from nephoscope.ingest.logs.stream_window import READ

if TYPE_CHECKING:
    from nephoscope.ingest.logs.splitter import CutLimits
    from nephoscope.ingest.logs.stream_window import StreamWindow

UNENDED = "the stream ends inside a record"

_BETWEEN = re.compile(rb"[\s,\]\}]*")
#: The end of an answer with members behind its array: nothing or another object follows.
_BEHIND = re.compile(rb"\s*\]\s*(?:,%b\s*)+\}\s*(?=\{|\Z)" % MEMBER)
_ONLY_SEPARATORS = re.compile(rb"[\s,]*")
_FIRST_KEY = re.compile(rb'\{\s*"(?:[^"\\]|\\.){0,256}"')


class JsonCutter(Cutter):
    """Cuts JSON. Within a block nothing is looked at beyond `horizon`, so that blocks never depend on what was read before."""

    def __init__(self, window: StreamWindow, growing: bool, bounds: CutLimits) -> None:
        super().__init__(window, growing, bounds)
        self.key = b""
        self.horizon = 0
        self.listed = False
        self.last = slice(0, 0)
        self.is_decided = False
        self.oversized = ""
        self.deep = False
        self.enveloped = self.resumed

    def block(self) -> RecordBlock | None:
        """Records until a block is full."""
        window = self.window
        pieces: list[CutRecord] = []
        window.fill(2 * self.bounds.block)
        self.find_ends()
        between = self._skip_between_records(first=True)
        window.fill(2 * self.bounds.block)
        plain, self.deep, self.last = True, False, slice(0, 0)
        start = window.position
        self.horizon = start + 2 * self.bounds.block
        while window.buffered_size and window.position - start < self.bounds.block:
            piece = self._cut_record(begun=bool(pieces))
            if piece is None:
                break
            pieces.append(piece)
            plain = plain and between and not (piece.error or self.deep)
            between = self._skip_between_records(first=False)
        if not pieces:
            return self._skip_oversized_record() if self.oversized else None
        stop = pieces[-1].end
        made = [piece._replace(start=piece.start - start, end=piece.end - start) for piece in pieces]
        last = window.buffer[pieces[-1].start : stop]
        unended = len(last) if pieces[-1].error == UNENDED else len(last) - len(last.rstrip())
        return RecordBlock(
            window.buffer[start:stop], window.base + start, window.base + stop, False, plain, made, unended
        )

    def _skip_oversized_record(self) -> RecordBlock | None:
        """Go over the record at the position without holding it; None when its end is left for the next time."""
        window = self.window
        reason, self.oversized = self.oversized, ""
        place = self.place(window.position)
        start = window.base + window.position
        head = window.buffer[window.position : window.position + self.bounds.head]
        walk = JsonWalk(lines=not self.listed)
        ended = window.buffer[window.position] == 0x7B and self._walk_record(walk)
        if not ended and (walk.wrong >= 0 or not window.ended or window.buffered_size):
            ended = self._find_next_record()
        if not ended and self.growing:
            return None
        self.is_decided = False
        self.record += 1
        return self.skip_piece(head, start, place, reason, ended=ended)

    def _walk_record(self, walk: JsonWalk) -> bool:
        """Go over a record up to its end, or to before the byte at which it is broken; whether its end was met."""
        window = self.window
        start, kept = window.base + window.position, 0
        while True:
            at = window.position + kept
            end = walk.end(window.buffer, at, len(window.buffer))
            stop = end
            if end < 0:
                stop = len(window.buffer) - self.bounds.head
                if walk.wrong >= 0:
                    stop = max(start + walk.back, start + walk.wrong - self.bounds.head) - window.base
                elif window.ended:
                    stop = len(window.buffer)
            stop = max(stop, window.position)
            self.count(window.position, stop)
            window.position, kept = stop, len(window.buffer) - stop
            if end >= 0 or walk.wrong >= 0 or window.ended:
                return end >= 0
            window.fill(kept + READ)

    def _find_next_record(self) -> bool:
        """Go on behind the position to the next record; whether one was met."""
        window = self.window
        while window.buffered_size:
            window.fill(self.bounds.record)
            start, limit = window.position, window.position + self.bounds.record
            found = self._hold_window(limit).find_next_record(start, start)
            stop = found or min(len(window.buffer), limit - self.bounds.block)
            while found and stop > start + 1 and window.buffer[stop - 1] in b", \t\r\n":
                stop -= 1  # they say whether a list goes on
            self.count(start, stop)
            window.position = stop
            if found:
                break
        return bool(window.buffered_size)

    def _skip_between_records(self, *, first: bool) -> bool:
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
            self._detect_list(start, end, first=first and not opened, opened=opened)
            stop = self._find_opening_bracket(end, apart=first or opened or end > start)
            self.count(start, max(end, stop))
            window.position = max(end, stop)
            if not stop:
                return plain
            self.wrapped = opened = True
            plain = first

    def _detect_list(self, start: int, end: int, *, first: bool, opened: bool) -> None:
        """See whether what follows stands in a list: by what is between the records, else as the record before it in the block."""
        between = self.window.buffer[start:end]
        stray = b"}" in between and not (b"]" in between or b"," in between)  # is as if nothing were there
        self.is_decided = self.is_decided and first  # else it was gone over at the end of the block before
        if opened or (between and not stray):
            self.listed = opened or b"," in between
            self.is_decided = True
        elif first and not self.is_decided:
            self.listed = False

    def _find_opening_bracket(self, at: int, *, apart: bool) -> int:
        """Behind the bracket that opens an array or an answer at a byte of the window, 0 where none does.

        An array begins `apart` from the record before it.
        """
        buffer = self.window.buffer
        byte = buffer[at : at + 1]
        if byte == b"[":
            return at + 1 if apart else 0
        if byte != b"{" or (self.key and buffer.startswith(self.key, at)):
            return 0
        wrapper = WRAPPER.match(buffer, at, at + self.bounds.head)
        self.enveloped = self.enveloped or wrapper is not None
        return wrapper.end() if wrapper else 0

    def _cut_record(self, *, begun: bool) -> CutRecord | None:
        """The record at the position, or a broken stretch.

        None when it is not whole within the block, or is left for the next time.
        """
        window = self.window
        place = self.place(window.position)
        if window.buffer[window.position] != 0x7B:
            return self._make_broken(place, "expected a JSON object", begun)
        while True:
            limit = self._compute_limit(begun)
            whole = window.ended and not self.growing and limit >= len(window.buffer)
            size, reason, _ = measure_value(window.buffer, window.position, limit, whole=whole)
            if size:
                return self._complete_record(size, place)
            if reason:
                return self._make_broken(place, reason, begun)
            if begun and window.position + window.buffered_size > self.horizon:
                return None
            if not begun and window.buffered_size > self.bounds.record:
                self.oversized = f"the record is over {self.bounds.record} bytes"
                return None
            if window.ended:
                return None if self.growing else self._make_broken(place, UNENDED, begun)
            if begun:
                return None
            window.fill(2 * window.buffered_size)

    def _compute_limit(self, begun: bool) -> int:
        return self.horizon if begun else self.window.position + self.bounds.record

    def _complete_record(self, size: int, place: str) -> CutRecord:
        window = self.window
        start = window.position
        if not self.key:
            match = _FIRST_KEY.match(window.buffer, start, start + 1024)
            self.key = match.group() if match else b""
        self._move_window(size)
        if window.buffer[start + size - 1] in b"\r\n":
            self.last = slice(start, start + size)
        return CutRecord(start, start + size, place)

    def _move_window(self, size: int) -> None:
        window = self.window
        self.count(window.position, window.position + size)
        self.record += 1
        window.position += size

    def _make_broken(self, place: str, reason: str, begun: bool) -> CutRecord | None:
        """The broken stretch at the position; None as for _piece()."""
        window = self.window
        while True:
            start = window.position
            held = self._hold_window(self._compute_limit(begun))
            stop = held.find_broken_end(start)
            if stop:
                break
            if window.ended and len(window.buffer) <= held.stop:
                return None
            if begun:
                return None
            if window.buffered_size > self.bounds.record:
                self.oversized = reason
                return None
            window.fill(2 * window.buffered_size)
        size = stop - start
        # behind an element of a list they say whether it goes on; a line that breaks off behind a comma begins none
        apart = b", \t\r\n" if self.listed else b" \t\r\n"
        while window.buffer[start + size - 1] in apart and size > 1:
            size -= 1
        self._move_window(size)
        if reason == TOO_DEEP and _is_object(window.buffer[start : start + size]):
            reason, self.deep = "", True
        return CutRecord(start, start + size, place, reason)

    def _hold_window(self, limit: int) -> ByteWindow:
        window = self.window
        stop = min(limit, len(window.buffer))
        ended = window.ended and stop == len(window.buffer)
        return ByteWindow(
            window.buffer,
            stop,
            ended,
            self.growing,
            self.listed,
            self._is_line_separated(),
            self.bounds.block,
        )

    def _is_line_separated(self) -> bool:
        """Return whether the last whole record of the block behind which a line ends has a line of its own."""
        record = self.window.buffer[self.last].rstrip()
        return bool(record) and b"\n" not in record


def _is_object(data: bytes) -> bool:
    """Return whether a record that nests too deeply is one all the same, what is too deep as text."""
    try:
        return isinstance(decode_json(data), dict)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return False
