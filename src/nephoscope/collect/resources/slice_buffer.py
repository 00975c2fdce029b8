"""Slice buffer: the bytes that are not cut yet, where they stand in the stream, and the pieces that were cut."""

from __future__ import annotations

from collections import deque

import msgspec

from nephoscope.collect.resources.json_grammar import (
    BrokenRecordError,
    RecordContainer,
    RecordScanState,
    RecordSlice,
)
from nephoscope.files.json_text import parse_byte_offset


class SliceBuffer:
    """Holds bytes with their line and column; what is cut off is kept until it is handed out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._position = 0
        self._line = 1
        self._column = 1
        self._scan: RecordScanState | None = None
        self._header_tried = False
        self._out: deque[RecordSlice] = deque()
        self._broken: BrokenRecordError | None = None

    def _compact_buffer(self) -> None:
        if self._position:
            del self._buffer[: self._position]
            if self._scan:
                self._scan.start -= self._position
                self._scan.position -= self._position
                self._scan.tested -= self._position
            if self._broken:
                self._broken.offset -= self._position
            self._position = 0

    def _emit_slice(self, end: int, container: RecordContainer) -> None:
        data = bytes(self._buffer[self._position : end])
        try:
            value = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            self._out.append(self._build_broken_slice(data, str(error)))
        else:
            self._out.append(RecordSlice(data, self._line, self._column, "", container.columns, value))
        self._finish_slice(end)

    def _build_broken_slice(self, data: bytes, reason: str) -> RecordSlice:
        offset = parse_byte_offset(reason)
        line = self._line + data.count(b"\n", 0, offset)
        column = offset - data.rfind(b"\n", 0, offset) if line > self._line else self._column + offset
        return RecordSlice(data, line, column, reason)

    def _emit_error(self, end: int, reason: str) -> None:
        self._out.append(
            RecordSlice(bytes(self._buffer[self._position : end]), self._line, self._column, reason)
        )
        self._finish_slice(end)

    def _finish_slice(self, end: int) -> None:
        self._move_position(end)
        self._scan = None
        self._header_tried = False

    def _move_position(self, position: int) -> None:
        lines = self._buffer.count(b"\n", self._position, position)
        if lines:
            self._line += lines
            self._column = position - self._buffer.rfind(b"\n", self._position, position)
        else:
            self._column += position - self._position
        self._position = position
