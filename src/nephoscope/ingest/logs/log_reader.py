"""Log reader: from a stream to rows: split blocks, recognize records, build rows, quarantine broken ones."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.ingest.logs.avro_capture import MAGIC, read_captured_messages
from nephoscope.ingest.logs.binary_files import explain_unsupported_content
from nephoscope.ingest.logs.format_dispatch import RecordReader
from nephoscope.ingest.logs.gzip_messages import unpack_message
from nephoscope.ingest.logs.parsed_batch import parse_batch
from nephoscope.ingest.logs.record_framing import blocks
from nephoscope.ingest.logs.row_batch import LogBatch, quarantine_entry
from nephoscope.ingest.logs.whole_file_formats import find_whole_file_format, peek_stream, read_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.discovery import Formats
    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.parsed_batch import ParsedBatch
    from nephoscope.lake.schema.tables import Tables
    from nephoscope.state.workspaces.workspace import Workspace

_FEW = 16
_HEAD = 64 * 1024
_PART = 1024 * 1024


def read_batches(
    stream: BinaryIO,
    formats: Formats,
    context: StreamContext,
    *,
    resume_at: int = 0,
    growing: bool = False,
    text: bool | None = None,
    from_start: bool = False,
) -> Iterator[LogBatch]:
    """The rows of a stream that stands at byte `resume_at` of its source, a batch a block of about 4 MiB.

    `from_start`: it stands at the beginning, so that a header is read; what is behind it up to that byte is gone over.
    The same bytes give the same batches, however they are read and wherever reading was taken up. `growing`, `text` as for `blocks`.
    """
    if context.table:
        formats = formats.select_table(context.table)
    reader = RecordReader(formats, context)
    if (resume_at == 0 or from_start) and not growing:
        stream, head = peek_stream(stream)
        if head.startswith(MAGIC) and (formats.records or formats.lines):
            yield from read_captured_messages(stream, context, lambda body: _read_message(body, reader))
            return
        found = _read_as_whole(stream, head, reader, resume_at)
        if found is not None:
            yield from found
            return
    if from_start:
        _skip_bytes(stream, resume_at)
    for block in blocks(stream, offset=resume_at, growing=growing, text=text):
        yield reader.read_batch(block)


def _read_as_whole(stream: BinaryIO, head: bytes, reader: RecordReader, at: int) -> Iterator[LogBatch] | None:
    """The rows of a file that is read as a whole, or why it is not read; None where it is a stream of records."""
    if wrong := explain_unsupported_content(head):
        bad = [quarantine_entry(reader.context, "byte 0", wrong, head[:_FEW], "")]
        return iter([LogBatch(-1, refused=True, bad=bad)])
    form = find_whole_file_format(head, reader.formats, reader.context)
    return None if form is None else read_file(stream, form, reader.context, at)


def _read_message(body: bytes, reader: RecordReader) -> LogBatch:
    """The rows of what a message holds, whatever that is; one without content tells of nothing."""
    content, wrong = unpack_message(body)
    batch = LogBatch(-1)
    whole = None
    if content[:1] not in (b"{", b"["):
        whole = _read_as_whole(io.BytesIO(content), content[:_HEAD], reader, 0)
    for part in whole if whole is not None else map(reader.read_batch, blocks(io.BytesIO(content))):
        batch.add(part)
        if part.refused:
            batch.faulty.add(batch.records)
            batch.records += 1
    if wrong:
        batch.bad.append(quarantine_entry(reader.context, "its end", wrong, body[:_FEW], ""))
        batch.faulty.add(batch.records)
        batch.records += 1
    if not batch.records:
        batch.records = batch.empty = 1
    return batch


def _skip_bytes(stream: BinaryIO, size: int) -> None:
    while size > 0 and (part := stream.read(min(size, _PART))):
        size -= len(part)


def read(
    stream: BinaryIO,
    formats: Formats,
    context: StreamContext,
    *,
    tables: Tables,
    workspace: Workspace,
    resume_at: int = 0,
    growing: bool = False,
    text: bool | None = None,
    from_start: bool = False,
) -> Iterator[ParsedBatch]:
    """The rows of a stream for the tables of a workspace; everything else as for `batches`."""
    found = read_batches(
        stream, formats, context, resume_at=resume_at, growing=growing, text=text, from_start=from_start
    )
    for batch in found:
        yield parse_batch(batch, context, tables, workspace)
