"""Avro blocks: report a broken block and continue at the next sync marker.

Source: https://avro.apache.org/docs/1.12.0/specification/#object-container-files
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from nephoscope.ingest.logs.log_format import BadRecordError
from nephoscope.ingest.logs.record_framing import MAX_RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.stream_window import StreamWindow

_RAW = 4096
_MARKER = 16
_LONG = 10
#: In so many bytes of a stretch that is broken the block is looked for that ends where the stretch does.
_LOOKED_AT = 64 * 1024
#: Bytes that are gone through for that: what frames one by chance is given up early, but not for nothing.
_TRIED = 2 * MAX_RECORD


class BrokenBlock(NamedTuple):
    """A stretch of which no message could be read: the byte at which it begins, why, and its first bytes."""

    at: int
    reason: str
    raw: bytes


class BoundedStream:
    """A stream as the reader of Avro wants it: as many bytes as it asks for, but never more than a record may have."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.at = 0

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        if not 0 <= size <= MAX_RECORD:
            raise BadRecordError(f"a value of {size} bytes: must be from 0 to {MAX_RECORD}")
        parts, left = [], size
        while left and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        self.at += size - left
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _BlockRead(NamedTuple):
    """The messages of a block, the bytes that they take, and why there are no more where that is a fault."""

    messages: list[dict[str, object]]
    size: int
    why: str = ""


class _Frame(NamedTuple):
    """What a block says of itself: its messages, its bytes, and how many bytes say that."""

    number: int
    size: int
    used: int


def iterate_messages(
    window: StreamWindow, schema: object, marker: bytes
) -> Iterator[dict[str, object] | BrokenBlock]:
    """The messages of the blocks behind the header of a file, and what is broken."""
    while window.buffered_size or _fill_window(window, 1):
        yield from _read_block(window, schema, marker)


def _fill_window(window: StreamWindow, size: int) -> bool:
    """Return whether so many bytes are held, or can be."""
    if window.buffered_size < size and not window.ended:
        window.fill(size)
    return window.buffered_size >= size


def _read_block(
    window: StreamWindow, schema: object, marker: bytes
) -> Iterator[dict[str, object] | BrokenBlock]:
    """The messages of the block at the position, which goes on behind it."""
    at = window.base + window.position
    _fill_window(window, 2 * _LONG)
    frame = _read_frame(window.buffer, window.position)
    if frame is None or not _fill_window(window, frame.used + frame.size + _MARKER):
        yield from _read_until_marker(window, at, schema, marker)
        return
    start = window.position + frame.used
    end = start + frame.size
    marked = window.buffer.startswith(marker, end)
    # Where a marker comes before that end, the size is wrong, and what is held need not be gone through for it.
    known = marked or window.buffer.find(marker, window.position, end + _MARKER) < 0
    data = window.buffer[start:end] if known else b""
    read = _read_messages(data, schema) if known else _BlockRead([], 0, "unknown")
    whole = not read.why and len(read.messages) == frame.number
    behind = end - window.position + _MARKER
    if not marked:
        near = (behind, behind - _MARKER) if whole else ()
        behind = next((one for one in near if _continues_at(window, one, schema, marker)), 0)
    if not behind:
        yield from _read_until_marker(window, at, schema, marker)
        return
    yield from read.messages
    if not whole:
        yield _make_broken(at + frame.used, frame, read, data)
    if not marked:
        yield BrokenBlock(
            at + frame.used + frame.size, "the marker behind the block is broken or missing", b""
        )
    window.position += behind


def _continues_at(window: StreamWindow, offset: int, schema: object, marker: bytes) -> bool:
    """Return whether the file ends so many bytes behind the position, or a whole block stands there."""
    if not _fill_window(window, offset + 1):
        return window.buffered_size == offset
    _fill_window(window, offset + 2 * _LONG)
    frame = _read_frame(window.buffer, window.position + offset)
    if frame is None or not _fill_window(window, offset + frame.used + frame.size + _MARKER):
        return False
    start = window.position + offset + frame.used
    if not window.buffer.startswith(marker, start + frame.size):
        return False
    read = _read_messages(window.buffer[start : start + frame.size], schema)
    return not read.why and len(read.messages) == frame.number


def _make_broken(at: int, frame: _Frame, read: _BlockRead, data: bytes) -> BrokenBlock:
    """Return what is left of a block behind the messages that were read."""
    said = f"it says that it has {frame.number} messages, {len(read.messages)} are read"
    why = f"{read.why}; {said}" if read.why else said
    return BrokenBlock(at + read.size, f"the block is broken: {why}", data[read.size :][:_RAW])


def _read_until_marker(
    window: StreamWindow, at: int, schema: object, marker: bytes
) -> Iterator[dict[str, object] | BrokenBlock]:
    """Yield what can be read of the bytes up to the next marker: the messages up to the first broken one, and the
    block that ends there."""
    data, ended = _to_marker(window, marker)
    behind, last = (len(data), []) if ended else _find_last_block(data, schema)
    used = _count_used_bytes(data[:behind])
    read = _read_messages(data[used:behind], schema)
    yield from read.messages
    what = (
        "the file ends inside a block"
        if ended
        else "the block is broken: its size is not that of what it holds"
    )
    why = f", then {read.why}" if read.why else ""
    problem = f"{what}; {len(read.messages)} of its messages are read{why}"
    yield BrokenBlock(at + used + read.size, problem, data[used + read.size : behind][:_RAW])
    yield from last


def _find_last_block(data: bytes, schema: object) -> tuple[int, list[dict[str, object]]]:
    """Where the whole block begins that ends where the bytes do, and its messages; behind all of them where none does."""
    left = _TRIED
    for start in range(1, min(len(data), _LOOKED_AT)):
        frame = _read_frame(data, start)
        if frame is None or start + frame.used + frame.size != len(data) or frame.size > left:
            continue
        left -= frame.size
        read = _read_messages(data[start + frame.used :], schema)
        if not read.why and len(read.messages) == frame.number > 0:
            return start, read.messages
    return len(data), []


def _to_marker(window: StreamWindow, marker: bytes) -> tuple[bytes, bool]:
    """The bytes up to the next marker, at most as many as a record may have, and whether the file ends before it."""
    kept = b""
    looked = 0
    while True:
        found = window.buffer.find(marker, window.position + looked)
        if found >= 0 or window.ended:
            end = found if found >= 0 else len(window.buffer)
            data = kept or window.buffer[window.position : end]
            window.position = min(end + _MARKER, len(window.buffer))
            return data[:MAX_RECORD], found < 0
        if window.buffered_size > MAX_RECORD:
            kept = kept or window.buffer[window.position : window.position + MAX_RECORD]
            window.position = len(window.buffer) - _MARKER
        looked = max(0, window.buffered_size - _MARKER)
        window.fill(2 * window.buffered_size + 1)


def _read_frame(data: bytes, at: int) -> _Frame | None:
    """Return what a block at a byte says of itself; None where that cannot be."""
    count, behind = _read_long(data, at)
    size, end = _read_long(data, behind)
    return _Frame(count, size, end - at) if count >= 0 and 0 <= size <= MAX_RECORD else None


def _count_used_bytes(data: bytes) -> int:
    """Count how many bytes tell the count and the size of a block, whatever these are."""
    return min(_read_long(data, _read_long(data, 0)[1])[1], len(data))


def _read_long(data: bytes, at: int) -> tuple[int, int]:
    """A number of Avro, zigzag and seven bits a byte, and where it ends; -1 where it is cut or longer than one may be."""
    value = 0
    for place, byte in enumerate(data[at : at + _LONG]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at + place + 1
    return -1, at + _LONG


def _read_messages(data: bytes, schema: object) -> _BlockRead:
    """The messages in the bytes of a block, as many as there are: each takes a byte at least."""
    import fastavro

    faults = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, struct.error)
    source, found, size = BoundedStream(io.BytesIO(data)), list[dict[str, object]](), 0
    try:
        while size < len(data):
            one: Any = fastavro.schemaless_reader(source, schema)  # type: ignore[arg-type]
            found.append(one)
            size = source.at
    except EOFError:
        return _BlockRead(found, size, f"message {len(found) + 1} is cut")
    except (*faults, RecursionError) as error:
        problem = str(error) if isinstance(error, BadRecordError) else "its bytes are no values of the schema"
        return _BlockRead(found, size, f"message {len(found) + 1} cannot be read: {problem}")
    return _BlockRead(found, size)
