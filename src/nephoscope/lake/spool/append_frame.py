"""Append frame: one append as bytes: producer, sequence, rows per table, checksums.

A frame is `NSF1`, the header's length (u32), the payload's length (u64), the payload's CRC-32, the CRC-32 of all this and the header;
then the header (MessagePack) and the payload: an Arrow IPC stream a table. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import msgspec
import pyarrow as pa
import pyarrow.ipc

from nephoscope.lake.schema.arrow_column import drop_empty_columns
from nephoscope.state.ingestion.ingest_stats import Arrivals

MAGIC = b"NSF1"
_PREFIX = struct.Struct("<4sIQII")
_FIELDS = struct.Struct("<4sIQI")
_MOST = 1 << 40
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("lz4"), unify_dictionaries=True)
#: Of few rows each buffer is smaller than what packing it costs, and no thread is worth being woken.
_FEW = 64 * 1024
_OPTIONS_OF_FEW = pa.ipc.IpcWriteOptions(unify_dictionaries=True, use_threads=False)


class FramePart(msgspec.Struct, frozen=True, array_like=True):
    """The rows of one table in a frame: `size` bytes of payload."""

    workspace: str
    table: str
    size: int
    rows: int


class FrameHeader(msgspec.Struct, frozen=True, array_like=True):
    """Header of a frame: its producer and sequence, and the report of the source."""

    producer: str
    sequence: int
    parts: tuple[FramePart, ...]
    arrivals: Arrivals | None = None


@dataclass(frozen=True, slots=True)
class SpoolFrame:
    """A frame in a file, from byte `start` to `end`. `intact` is whether the payload is as it was written."""

    header: FrameHeader
    start: int
    end: int
    payload: memoryview
    intact: bool

    def parts(self) -> Iterator[tuple[FramePart, int]]:
        """Yield what there is of each table, and the byte of the file at which it begins."""
        place = self.end - len(self.payload)
        for part in self.header.parts:
            yield part, place
            place += part.size

    def tables(self) -> Iterator[tuple[FramePart, pa.Table]]:
        """The rows, table by table, without the columns in which none had a value."""
        base = self.end - len(self.payload)
        for part, place in self.parts():
            yield part, read_frame_rows(self.payload[place - base : place - base + part.size])


def read_frame_rows(payload: bytes | memoryview) -> pa.Table:
    """The rows of one table in a frame."""
    with pa.ipc.open_stream(pa.py_buffer(payload)) as stream:
        return stream.read_all()


def read_frame_columns(payload: bytes | memoryview) -> pa.Schema:
    """The columns that the rows of one table in a frame have; the rows themselves are not unpacked."""
    with pa.ipc.open_stream(pa.py_buffer(payload)) as stream:
        return stream.schema


def encode_frame(
    producer: str,
    sequence: int,
    tables: Sequence[tuple[str, str, pa.Table]],
    arrivals: Arrivals | None = None,
) -> bytes:
    """The bytes of an append of (workspace, table, rows)."""
    payloads = [_encode_stream(drop_empty_columns(rows)) for _, _, rows in tables]
    parts = tuple(
        FramePart(workspace, table, payload.size, rows.num_rows)
        for (workspace, table, rows), payload in zip(tables, payloads, strict=True)
    )
    header = msgspec.msgpack.encode(FrameHeader(producer, sequence, parts, arrivals))
    checksum, size = 0, 0
    for payload in payloads:
        checksum, size = crc32(payload, checksum), size + payload.size
    fields = _FIELDS.pack(MAGIC, len(header), size, checksum)
    guard = crc32(header, crc32(fields))
    return b"".join((fields, guard.to_bytes(4, "little"), header, *payloads))


def _encode_stream(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    options = _OPTIONS_OF_FEW if rows.nbytes < _FEW else _OPTIONS
    with pa.ipc.new_stream(sink, rows.schema, options=options) as stream:
        stream.write_table(rows)
    return sink.getvalue()


def frames(data: bytes | memoryview) -> Iterator[SpoolFrame]:
    """The frames from the beginning of a file's bytes up to where no whole one follows; one with a wrong payload is not `intact`.

    The last frame of what was torn off in mid-write is left out: also one whose payload is wrong and that nothing follows.
    """
    whole, place = memoryview(data), 0
    held: SpoolFrame | None = None
    while True:
        found = _read_frame(whole, place)
        if held is not None and (held.intact or found is not None):
            yield held
        if found is None:
            return
        held, place = found, found.end


def _read_frame(whole: memoryview, start: int) -> SpoolFrame | None:
    if len(whole) - start < _PREFIX.size:
        return None
    magic, length, size, checksum, guard = _PREFIX.unpack_from(whole, start)
    body = start + _PREFIX.size
    end = body + length + size
    if magic != MAGIC or size > _MOST or end > len(whole):
        return None
    header = whole[body : body + length]
    if crc32(header, crc32(whole[start : start + _FIELDS.size])) != guard:
        return None
    payload = whole[body + length : end]
    known = msgspec.msgpack.decode(header, type=FrameHeader)
    return SpoolFrame(known, start, end, payload, crc32(payload) == checksum)
