"""Cut a stream of bytes into blocks of whole records, whatever wraps them, holding one block at a time.

A stream is JSON (`{"records": []}`, records within records, answers `{"value": []}`, arrays, JSON lines, objects one behind the
other, a blob that is cut at its end or taken up in its middle) or lines of text; a line of text that begins with `{` is JSON.
Broken stretches are handed out as pieces with an error, up to the next whole record. The result never depends on how the
stream is cut into reads. What is too large to be held is one piece: its first 64 KiB, with the end of the whole. Grammar: RFC 8259.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import msgspec

from nephoscope.sources.logs.oversized import Oversized
from nephoscope.sources.logs.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

#: A block ends behind the record that reaches this many bytes.
BLOCK = 4 * 1024 * 1024
#: What is larger is no record: it is set aside.
MAX_RECORD = 32 * 1024 * 1024
MAX_LINE = 1024 * 1024
_HEADER = 64 * 1024
_TRIALS = 8
UNENDED = "the stream ends inside a record"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_SCALAR = rb'(?:"(?:[^"\\]|\\.){0,4096}"|-?[0-9][0-9.eE+-]{0,40}|true|false|null)'
_MEMBER = rb'\s*"(?:[^"\\]|\\.){1,256}"\s*:\s*' + _SCALAR
_WRAPPER = re.compile(
    rb'\{(?:(?:%b\s*,){0,64}\s*"[Rr]ecords"|(?:\s*"(?:@odata[^"]{0,64}|nextLink|count)"\s*:\s*%b\s*,){0,8}\s*"value")\s*:\s*\[(?=\s*[{\]])'
    % (_MEMBER, _SCALAR)
)
_BETWEEN = re.compile(rb"[\s,\]\}]*")
#: The end of an answer with members behind its array: nothing or another object follows.
_BEHIND = re.compile(rb"\s*\]\s*(?:,%b\s*)+\}\s*(?=\{|\Z)" % _MEMBER)
_ONLY_SEPARATORS = re.compile(rb"[\s,]*")
_BLANK = re.compile(rb"\s*")
_FIRST_KEY = re.compile(rb'\{\s*"(?:[^"\\]|\\.){0,256}"')
_IN_LIST = re.compile(rb"(?:(?<=\n)|(?<=[,\[] )|(?<=[,\[]))\{|(?<=[,\[]\n)[ \t]*\{")
_ON_LINE = re.compile(rb"(?<=\n)\{")
_TRAILING = re.compile(r"trailing characters \(byte (\d+)\)")
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
_RAW = msgspec.json.Decoder(msgspec.Raw)
_PAIR = rb"\ud83d\ude00"
#: A pair that the end of all has cut.
_CUT_PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
_SURROGATES = (
    "unexpected end of escaped utf-16 surrogate pair",
    "unexpected end of hex escape",
    "invalid utf-16 surrogate pair",
)


class Piece(NamedTuple):
    """A record, or with `error` a stretch that is none: its bytes are `block.data[start:end]`; `place` in words."""

    start: int
    end: int
    place: str
    error: str = ""


@dataclass(slots=True)
class Block:
    """Whole records: `data` as it stands in the stream from byte `start` on; reading may be taken up at byte `end`.

    `text` says that the pieces are lines of text; `plain` that nothing but commas and blanks is between the records of `data`. What is
    before byte `sure` stays as it is when the source grows: a last line or record without its end is behind it.
    """

    data: bytes
    start: int
    end: int
    text: bool = False
    plain: bool = False
    pieces: list[Piece] = field(default_factory=list)
    unended: int = 0

    @property
    def sure(self) -> int:
        """See above."""
        return self.end - self.unended


def blocks(
    stream: BinaryIO, *, offset: int = 0, growing: bool = False, text: bool | None = None
) -> Iterator[Block]:
    """The blocks of a stream that stands at byte `offset` of its source (0, or the `end` of an earlier block).

    `growing`: an unfinished record at the end is left for the next time; else it is a broken piece. Holds at most one block and
    one record (32 MiB). A block never ends within a record or a line, however large: reading is never taken up inside of one.
    `text` says of a stream that is taken up whether it is lines of text (None = its next byte decides).
    """
    window = Window(stream, offset)
    window.fill(_HEADER)
    if offset == 0 and window.buffer.startswith(BYTE_ORDER_MARK):
        window.position = len(BYTE_ORDER_MARK)
    first = _BLANK.match(window.buffer, window.position).end()  # type: ignore[union-attr]
    json = window.buffer[first : first + 1] in (
        (b"{", b"[") if offset == 0 else (b"{", b"[", b",", b"]", b"}")
    )
    if offset and text is not None:
        json = not text
    cutter = _JsonCutter(window, growing) if json else _LineCutter(window, growing)
    yield from cutter.blocks()


class _Cutter:
    """What both kinds of stream share: counting lines and records."""

    def __init__(self, window: Window, growing: bool) -> None:
        self.window = window
        self.growing = growing
        self.resumed = window.base > 0
        self.line = 1
        self.record = 0
        self.wrapped = False

    def blocks(self) -> Iterator[Block]:
        """Block after block until the stream ends."""
        while True:
            block = self.block()
            if block is None:
                return
            yield block

    def block(self) -> Block | None:
        """The next block, None at the end."""
        raise NotImplementedError

    def place(self, at: int) -> str:
        """Where byte `at` of the window is, in words."""
        if self.resumed:
            return f"byte {self.window.base + at}"
        return f"records[{self.record}]" if self.wrapped else f"line {self.line}"

    def skipped(self, head: bytes, start: int, place: str, reason: str, *, ended: bool) -> Block:
        """The block of one piece that was not held: its head, from byte `start` to the position; `ended` = that is its end."""
        window = self.window
        head = head[: window.base + window.position - start]
        piece = Piece(0, len(head), place, reason)
        return Block(
            head,
            start,
            window.base + window.position,
            isinstance(self, _LineCutter),
            False,
            [piece],
            0 if ended else window.base + window.position - start,
        )

    def count(self, start: int, end: int) -> None:
        """Count the lines of a stretch of the window that has been gone over."""
        if not self.wrapped and not self.resumed:
            buffer = self.window.buffer
            first = buffer.find(
                b"\n", start, end
            )  # most records have none, and to find that out is much faster than to count
            self.line += buffer.count(b"\n", first, end) if first >= 0 else 0


class _JsonCutter(_Cutter):
    """Cuts JSON. Within a block nothing is looked at beyond `horizon`, so that blocks never depend on what was read before."""

    def __init__(self, window: Window, growing: bool) -> None:
        super().__init__(window, growing)
        self.key = b""
        self.horizon = 0
        self.listed = False
        self.oversized: tuple[str, Oversized] | None = None
        self.enveloped = self.resumed

    def block(self) -> Block | None:
        """Records until a block is full."""
        window = self.window
        pieces: list[Piece] = []
        window.fill(2 * BLOCK)
        between = self._between(first=True)
        window.fill(2 * BLOCK)
        plain = True
        start = window.position
        self.horizon = start + 2 * BLOCK
        while window.left and window.position - start < BLOCK:
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
        head = window.buffer[window.position : window.position + _HEADER]
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
        wrapper = _WRAPPER.match(buffer, at, at + _HEADER)
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
            size, reason, at = _measure(window.buffer, window.position, limit, whole=whole)
            if size:
                return self._whole(size, place)
            if reason:
                return self._broken(at, place, reason, begun)
            if begun and window.position + window.left > self.horizon:
                return None
            if not begun and window.left > MAX_RECORD:
                self.oversized = f"the record is over {MAX_RECORD} bytes", Oversized(listed=self.listed)
                return None
            if window.ended:
                if self.growing:
                    return None
                return self._broken(window.left, place, UNENDED, begun)
            if begun:
                return None
            window.fill(2 * window.left)

    def _limit(self, begun: bool) -> int:
        return self.horizon if begun else self.window.position + MAX_RECORD

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
            if not begun and window.left > MAX_RECORD:
                self.oversized = reason, Oversized(listed=self.listed, broken_at=max(at, MAX_RECORD))
                return None
            if window.ended:
                break
            window.fill(window.left + BLOCK)
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
                if _measure(buffer, candidate, start + at + _HEADER)[0]:
                    return candidate - start
        return 0


def _measure(buffer: bytes, start: int, limit: int, *, whole: bool = False) -> tuple[int, str, int]:
    """The size of the JSON value at a byte of the buffer; else 0, why it is none and how many bytes on that shows.

    (0, '', 0) = more bytes are needed. The decoder says where the first byte behind a whole value is: no Python looks at the bytes.
    `whole`: no more will come. Half a surrogate pair before the end is then what is wrong, not the end.
    """
    view = memoryview(buffer)[start:limit]
    try:
        _RAW.decode(view)
    except msgspec.DecodeError as error:
        text = str(error)
        trailing = _TRAILING.search(text)
        if trailing:
            return int(trailing[1]) - 1, "", 0
        if "truncated" in text:
            return (0, "", 0) if not whole else _half(view)
        at = _AT_BYTE.search(text)
        if at and int(at[1]) >= len(view):
            # a number that is cut behind its sign, point or exponent is called malformed there
            return 0, "", 0
        return 0, f"not JSON: {told(text)}", max(int(at[1]) - 1, 1) if at else 1
    except RecursionError:
        return 0, "the JSON nests too deeply", 1
    return len(view), "", 0


def _half(view: memoryview) -> tuple[int, str, int]:
    """As _measure() for what is cut at the end of all: the decoder takes half a pair for cut where too few bytes stand behind it."""
    if _CUT_PAIR.search(view[-len(_PAIR) :]):
        return 0, "", 0
    try:
        _RAW.decode(bytes(view) + b" " * len(_PAIR))
    except msgspec.DecodeError as error:
        text = str(error)
        if any(word in text for word in _SURROGATES):
            return 0, f"not JSON: {told(text)}", 1
    return 0, "", 0


def told(error: str) -> str:
    """What the decoder says of a text, in words that name what is wrong."""
    text = error.removeprefix("JSON is malformed: ")
    for found in _SURROGATES:
        if found in text:
            return text.replace(found, "half of a surrogate pair, which is no character")
    return text.replace("Number out of range - at `$[...]`", "a number is out of range")


class _LineCutter(_Cutter):
    """Cuts lines of text."""

    def block(self) -> Block | None:
        """Lines until a block is full."""
        window = self.window
        window.fill(BLOCK + MAX_LINE)
        if not window.left:
            return None
        start = window.position
        stop = self._stop()
        if not stop:
            return self._oversized()
        if stop == start:
            return None
        data = window.buffer[start:stop]
        pieces: list[Piece] = []
        at = 0
        for line in data.split(b"\n"):
            if line.strip():
                error = f"the line is over {MAX_LINE} bytes" if len(line) > MAX_LINE else ""
                pieces.append(Piece(at, at + len(line), self.place(start + at), error))
            at += len(line) + 1
            self.line += 1
        self.line -= data.endswith(b"\n")
        window.position = stop
        unended = len(data) - data.rfind(b"\n") - 1
        return Block(data, window.base + start, window.base + stop, True, False, pieces, unended)

    def _stop(self) -> int:
        """The end of the last line that ends within the block, or of the one that ends soon behind it; 0 where none does."""
        window = self.window
        limit = window.position + BLOCK
        found = window.buffer.rfind(b"\n", window.position, limit) + 1
        if window.ended and len(window.buffer) <= limit:
            return found or window.position if self.growing else len(window.buffer)
        if not found and window.ended and not self.growing and window.left < MAX_LINE:
            return len(window.buffer)
        return found or window.buffer.find(b"\n", limit, limit + MAX_LINE) + 1

    def _oversized(self) -> Block | None:
        """Go over the line at the position without holding it; None when its end is left for the next time."""
        window = self.window
        place = self.place(window.position)
        start = window.base + window.position
        head = window.buffer[window.position : window.position + _HEADER]
        size = 0
        while read := window.passed():
            size = read.find(b"\n") + 1
            if size:
                window.position -= len(read) - size
                break
        else:
            if self.growing:
                return None
        self.line += 1
        return self.skipped(head, start, place, f"the line is over {MAX_LINE} bytes", ended=size > 0)
