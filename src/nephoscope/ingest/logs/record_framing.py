"""Record framing: split a byte stream into blocks of whole records, one block in memory at a time.

A stream is JSON (`{"records": []}`, records within records, answers `{"value": []}`, arrays, JSON lines, objects one behind the
other, a blob that is cut at its end or taken up in its middle) or lines of text; a line of text that begins with `{` is JSON.
Broken stretches are handed out as pieces with an error, up to the next whole record. The result never depends on how the
stream is cut into reads. What is too large to be held is one piece: its first 64 KiB, with the end of the whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.ingest.logs.json_splitter import JsonCutter
from nephoscope.ingest.logs.line_splitter import LineCutter
from nephoscope.ingest.logs.splitter import CutLimits
from nephoscope.ingest.logs.stream_window import StreamWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.splitter import RecordBlock

#: A block ends behind the record that reaches this many bytes.
BLOCK = 4 * 1024 * 1024
#: What is larger is no record: it is set aside.
MAX_RECORD = 32 * 1024 * 1024
MAX_LINE = 1024 * 1024
HEAD = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"\s*")
#: A line of Apache's error log begins with a bracket, a weekday and a month, one of cPanel's with a date, as no JSON does.
_BRACKETED_TIME = re.compile(rb"\[(?:[A-Z][a-z]{2} [A-Z][a-z]{2} |\d{4}-\d{2}-\d{2}[ T]\d{2}:)")


def blocks(
    stream: BinaryIO, *, offset: int = 0, growing: bool = False, text: bool | None = None
) -> Iterator[RecordBlock]:
    """The blocks of a stream that stands at byte `offset` of its source (0, or the `end` of an earlier block).

    `growing`: an unfinished record at the end is left for the next time; else it is a broken piece. Holds at most one block and
    one record (32 MiB). A block never ends within a record or a line, however large: reading is never taken up inside of one.
    `text` says of a stream that is taken up whether it is lines of text (None = its next byte decides). Where the first 64 KiB of a
    block have no line feed, a bare carriage return ends its lines too.
    """
    window = StreamWindow(stream, offset)
    window.fill(HEAD)
    if offset == 0 and window.buffer.startswith(BYTE_ORDER_MARK):
        window.position = len(BYTE_ORDER_MARK)
    first = _BLANK.match(window.buffer, window.position).end()  # type: ignore[union-attr]
    json = window.buffer[first : first + 1] in (
        (b"{", b"[") if offset == 0 else (b"{", b"[", b",", b"]", b"}")
    )
    if offset and text is not None:
        json = not text
    elif _BRACKETED_TIME.match(window.buffer, first):
        json = False
    bounds = CutLimits(BLOCK, MAX_RECORD, MAX_LINE, HEAD)
    yield from (JsonCutter if json else LineCutter)(window, growing, bounds).blocks()
