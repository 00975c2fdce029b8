"""JSON that is held as a whole: one document, documents one behind another, or one a line, each with its place. Grammar: RFC 8259.

Streams of any size are cut by `ingest/logs/json_splitter.py` and `collect/resources/json_splitter.py`
(docs/decisions/0456-two-cutters.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from nephoscope.files.json_value import TOO_DEEP, describe_error, escape_half_surrogates, measure_value

_MARK = b"\xef\xbb\xbf"
_BLANK = re.compile(rb"[ \t\r\n]*+")
_AT_BYTE = re.compile(r" ?\(byte (\d+)\)")
_LINE_END = re.compile(rb"\r\n?|\n")
_SHOWN = 200
_BEHIND = "not JSON: trailing characters"
_CUT = "not JSON: Input data was truncated"


class JsonTextError(ValueError):
    """Text that is not JSON: why, with the line and column (from 1) where it has a place."""

    def __init__(self, reason: str, line: int = 0, column: int = 0) -> None:
        super().__init__(f"line {line}, column {column}: {reason}" if line else reason)
        self.reason = reason
        self.line = line
        self.column = column


class JsonDocument(NamedTuple):
    """A value with the line and column where it begins (from 1); `wrong` says why it is none ('' = it is one)."""

    line: int
    column: int
    value: object
    wrong: str = ""

    def require_value(self) -> object:
        """Return the value; JsonTextError with its place where it is none."""
        if self.wrong:
            raise JsonTextError(self.wrong, self.line, self.column)
        return self.value


def decode_json(data: bytes) -> object:
    """Decode a text that is one JSON document, with or without a byte order mark.

    Half of a surrogate pair is kept as the six characters of its escape. Raises JsonTextError with line and column.
    """
    data = data.removeprefix(_MARK)
    value, wrong, at = _decode_json(data)
    if wrong:
        raise JsonTextError(wrong, *_locate_offset(data, at))
    return value


def read_json(path: Path, most: int) -> object:
    """Read a file that is one JSON document of at most so many bytes; raises OSError, and JsonTextError with line and column."""
    if path.stat().st_size > most:
        raise JsonTextError(f"the file exceeds {_format_size(most)}")
    return decode_json(path.read_bytes())


def iterate_json_documents(data: bytes) -> Iterator[JsonDocument]:
    """Give the documents of a text: one, several one behind another, or one a line.

    One that is broken is told with the place of what is wrong, ends where its line ends, and takes none behind it along: from there
    on each line is looked at by itself, so that nothing is read more than three times.
    """
    data = data.removeprefix(_MARK)
    at, line, begun, lined = 0, 1, 0, False
    while (start := _BLANK.match(data, at).end()) < len(data):  # type: ignore[union-attr]
        line, begun = _count_lines(data, at, start, line, begun)
        end, wrong, value = _find_document_end(data, start, lined=lined)
        fault = start + parse_byte_offset(wrong)
        row, left = _count_lines(data, start, fault, line, begun)
        yield JsonDocument(row, fault - left + 1, value, _AT_BYTE.sub("", wrong))
        if end < len(data):
            line, begun = _count_lines(data, start, end, line, begun)
        at, lined = end, lined or bool(wrong)


def iterate_file_documents(path: Path, largest: int, longest: int) -> Iterator[JsonDocument]:
    """Give the documents of a file line by line where its first line is an object and more follows, else the one that it is (line 0).

    Lines are at most `longest` bytes in a file of any size, a file that is read as a whole `largest`. A line that is no JSON is
    told and the next one goes on; raises JsonTextError where a file is none as a whole, or too large to be read as one.
    """
    with path.open("rb") as file:
        head = file.readline(longest)
        more = bool(file.read(1))
    if more and isinstance(_decode_json(head.removeprefix(_MARK))[0], dict):
        with path.open("rb") as file:
            yield from _read_lines(file, longest)
        return
    if path.stat().st_size > largest:
        raise JsonTextError(f"exceeds {_format_size(largest)}; split it, or write one object per line")
    yield JsonDocument(0, 0, decode_json(path.read_bytes()))


def parse_byte_offset(reason: str) -> int:
    """The byte (from 0) that the decoder names in what it says of a text, 0 where it names none."""
    found = _AT_BYTE.search(reason)
    return int(found[1]) if found else 0


def _read_lines(file: BinaryIO, longest: int) -> Iterator[JsonDocument]:
    number = 0
    while line := file.readline(longest):
        number += 1
        data = line if number > 1 else line.removeprefix(_MARK)
        if data.strip():
            value, wrong, at = _decode_json(data)
            shown = f"{wrong}: {data[:_SHOWN].decode('utf-8', 'replace')}" if wrong else ""
            yield JsonDocument(number, at + 1, value, shown)


def _find_document_end(data: bytes, start: int, *, lined: bool) -> tuple[int, str, object]:
    """Where a document ends that begins at a byte, why it is none (with the byte), and its value.

    Most are a line each, which is tried first; `lined`: no other is looked for.
    """
    match = _LINE_END.search(data, start)
    end = match.start() if match else len(data)
    value, wrong, at = _decode_json(data[start:end])
    if not wrong or (lined and not wrong.startswith(_BEHIND)):
        return end, wrong and f"{wrong} (byte {at})", value
    size, reason, _ = measure_value(data, start, end if lined else len(data), whole=True)
    if not size:
        return end, reason or _CUT, None
    value, wrong, at = _decode_json(data[start : start + size])
    return start + size, wrong and f"{wrong} (byte {at})", value


def _decode_json(data: bytes) -> tuple[object, str, int]:
    """The value of a text; else None, why it is none, and the byte that shows it."""
    try:
        try:
            return msgspec.json.decode(data), "", 0
        except msgspec.DecodeError as error:
            mended = escape_half_surrogates(data)
            if mended == data:
                reason = describe_error(str(error))
                # the decoder counts what trails from 1, all else from 0
                return None, _AT_BYTE.sub("", reason), parse_byte_offset(reason) - reason.startswith(_BEHIND)
            return msgspec.json.decode(mended), "", 0
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return None, _AT_BYTE.sub("", describe_error(str(error))), 0
    except RecursionError:
        return None, TOO_DEEP, 0


def _count_lines(data: bytes, start: int, end: int, line: int, begun: int) -> tuple[int, int]:
    """The line of byte `end` and the byte where it begins, from those of byte `start`."""
    for match in _LINE_END.finditer(data, start, end):
        line, begun = line + 1, match.end()
    return line, begun


def _locate_offset(data: bytes, at: int) -> tuple[int, int]:
    line, begun = _count_lines(data, 0, at, 1, 0)
    return line, at - begun + 1


def _format_size(count: int) -> str:
    return f"{count >> 20} MiB" if count >= 1 << 20 else f"{count:,} bytes"
