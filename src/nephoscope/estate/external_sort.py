"""External sort: JSON lines larger than memory in one file of sorted segments that are merged on read."""

from __future__ import annotations

import heapq
import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

#: Begin and end of some lines in the file.
Segment = tuple[int, int]
_CHUNK = 64 * 1024
_HELD = 20_000
_encoder = msgspec.json.Encoder(enc_hook=str)

Value = TypeVar("Value")


class Segments:
    """Lines in a file that only grows; a segment is read without reading the others."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._end = 0
        path.write_bytes(b"")

    def write(self, values: Iterable[Any]) -> Segment:
        """Append values that JSON can carry, a line each."""
        start = self._end
        with self._path.open("ab") as file:
            for value in values:
                self._end += file.write(_encoder.encode(value) + b"\n")
        return start, self._end

    def read(self, segment: Segment) -> Iterator[bytes]:
        """The lines of a segment."""
        with self._path.open("rb") as file:
            yield from _read_lines(file.fileno(), segment)

    def merge(
        self, segments: Sequence[Segment], decode: Callable[[bytes], Value], key: Callable[[Value], Any]
    ) -> Iterator[Value]:
        """The values of sorted segments in the order of their keys; equal ones in the order of the segments."""
        with self._path.open("rb") as file:
            number = file.fileno()
            yield from heapq.merge(*(map(decode, _read_lines(number, one)) for one in segments), key=key)


def _read_lines(file: int, segment: Segment) -> Iterator[bytes]:
    at, end = segment
    rest = b""
    while at < end:
        chunk = os.pread(file, min(_CHUNK, end - at), at)
        at += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


class SortedLines(Generic[Value]):
    """Values in the order of their keys, whatever the order in which they came; memory holds some thousands of them."""

    def __init__(
        self, path: Path, type_: type[Value], key: Callable[[Value], Any], held: int = _HELD
    ) -> None:
        self._segments = Segments(path)
        self._decode = msgspec.json.Decoder(type_).decode
        self._key = key
        self._held = held
        self._buffer: list[Value] = []
        self._written: list[Segment] = []

    def add(self, value: Value) -> None:
        """Take a value."""
        self._buffer.append(value)
        if len(self._buffer) >= self._held:
            self._flush_lines()

    def _flush_lines(self) -> None:
        if self._buffer:
            self._written.append(self._segments.write(sorted(self._buffer, key=self._key)))
            self._buffer = []

    def __iter__(self) -> Iterator[Value]:
        self._flush_lines()
        return self._segments.merge(self._written, self._decode, self._key)
