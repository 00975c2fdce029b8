"""Files that are read as a whole, because they have a header or a footer: CSV, Parquet."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from nephoscope.ingest.logs.log_format import BadRecordError, GrowingFileFormat, RecordFault
from nephoscope.ingest.logs.row_batch import LogBatch, PlacedRow, join_place, quarantine_entry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.discovery import Formats
    from nephoscope.ingest.logs.log_format import FileFormat, FileItem, StreamContext

_FILE_BATCH = 50_000
_HEAD = 64 * 1024


def find_whole_file_format(head: bytes, formats: Formats, context: StreamContext) -> FileFormat | None:
    """The format of a file that is read as a whole: by its beginning, by its name, or the only one that is asked for."""
    for form in formats.files:
        if form.recognizes_start(head):
            return form
    if not head.strip():
        return None
    if not formats.records and not formats.lines:
        return formats.files[0]
    first = head.split(b"\n", 1)[0].decode("utf-8", "backslashreplace").rstrip("\r")
    if first.lstrip()[:1] in ("{", "[") or any(form.recognizes_line(first) for form in formats.lines):
        return None
    name = context.source.lower()
    return next((form for form in formats.files if form.suffixes and name.endswith(form.suffixes)), None)


class _Peeked:
    """A stream whose first bytes were examined."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self._stream = stream
        self._head = head

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(head) :]
            return head + self._stream.read() if size < 0 else head
        return self._stream.read(size)


def peek_stream(stream: BinaryIO) -> tuple[BinaryIO, bytes]:
    """The stream as it was, and its first bytes."""
    head = b""
    while len(head) < _HEAD:
        part = stream.read(_HEAD - len(head))
        if not part:
            break
        head += part
    if stream.seekable():
        stream.seek(-len(head), 1)
        return stream, head
    return _Peeked(stream, head), head  # type: ignore[return-value]


def _read_items(stream: BinaryIO, form: FileFormat, context: StreamContext, at: int) -> Iterator[FileItem]:
    if at and isinstance(form, GrowingFileFormat):
        return form.read_rows_from(stream, context, at)
    return form.build_rows_of_file(stream, context)


def read_file(stream: BinaryIO, form: FileFormat, context: StreamContext, at: int = 0) -> Iterator[LogBatch]:
    """The rows of a file, of one that grows those behind byte `at`."""
    batch, last = LogBatch(-1, whole=True), ""
    items = _read_items(stream, form, context, at)
    try:
        for item, place, end, recoded, sure, opened, refused in items:
            if refused and isinstance(item, RecordFault):
                yield _refuse_file(form, context, place, item)
                return
            if place != last or not batch.records:
                batch.records += 1
                batch.recoded += recoded
            last, batch.end, batch.sure, batch.text = place, end, sure, sure >= 0 and not opened
            number = batch.records - 1
            if isinstance(item, RecordFault):
                batch.bad.append(
                    quarantine_entry(context, join_place(place, item.path), item.reason, item.raw, form.name)
                )
                batch.faulty.add(number)
            else:
                batch.rows[item.table].append(PlacedRow(item, place, form.name, number))
            if batch.records >= _FILE_BATCH:
                yield batch
                batch = LogBatch(end, whole=True)
    except BadRecordError as error:
        if not last:
            yield _refuse_file(form, context, error.path or "the file", RecordFault(error.reason))
            return
        batch.bad.append(quarantine_entry(context, error.path or "the file", error.reason, "", form.name))
        batch.faulty.add(batch.records)
        batch.records += 1
    if batch.records or batch.bad:
        yield batch


def _refuse_file(form: FileFormat, context: StreamContext, place: str, fault: RecordFault) -> LogBatch:
    """Return what a file gave of which nothing can be read: one entry, and no record."""
    entry = quarantine_entry(context, join_place(place, fault.path), fault.reason, fault.raw, form.name)
    return LogBatch(-1, whole=True, refused=True, bad=[entry])
