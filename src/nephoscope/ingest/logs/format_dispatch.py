"""Format dispatch: ask the formats for the rows of records or whole blocks."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.files.json_value import decode_json, describe_error, escape_half_surrogates, limit_json
from nephoscope.ingest.logs.common_schema import to_common_schema
from nephoscope.ingest.logs.container_log import read_container_message
from nephoscope.ingest.logs.log_format import BadRecordError, FastFormat, LogRow, RowFormat
from nephoscope.ingest.logs.message_wrappers import unwrap_message
from nephoscope.ingest.logs.row_batch import FastTables, LogBatch, PlacedRow, join_place, quarantine_entry
from nephoscope.ingest.logs.secret_masking import find_suspects, mask_secrets, mask_value
from nephoscope.ingest.logs.syslog import FORMAT as _SYSLOG
from nephoscope.ingest.logs.table_row import TIMES
from nephoscope.ingest.logs.text_decoding import decode_error, decode_with, is_utf8
from nephoscope.lake.schema.coercion import to_json_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.ingest.logs.discovery import Formats
    from nephoscope.ingest.logs.log_format import LineFormat, LogFormat, RecordFault, StreamContext
    from nephoscope.ingest.logs.message_wrappers import WrappedRecord
    from nephoscope.ingest.logs.splitter import CutRecord, RecordBlock

UNRECOGNIZED_LINE = (
    "no format recognizes the line: name one with --format, or restore the file's header (such as #Fields)"
)


@contextmanager
def pause_collection() -> Iterator[None]:
    """No search for unused cycles: rows have none, and looking through those of a block again and again takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class RecordReader:
    """Asks the formats for the rows of blocks."""

    def __init__(self, formats: Formats, context: StreamContext) -> None:
        self.formats = formats
        self.context = context
        self.last: LogFormat | None = None

    def read_batch(self, block: RecordBlock) -> LogBatch:
        """The rows of a block."""
        batch = LogBatch(block.end, sure=block.settled_end, text=block.text)
        if not self._scan_block(block, batch):
            self._read_singly(block, batch)
        return batch

    def _read_singly(self, block: RecordBlock, batch: LogBatch) -> None:
        """Read the records of a block one by one."""
        records = [block.data[piece.start : piece.end] for piece in block.pieces]
        with pause_collection():
            for piece, data, secret in zip(block.pieces, records, find_suspects(records), strict=True):
                self._piece(block, piece, data, secret, batch)

    def _scan_block(self, block: RecordBlock, batch: LogBatch) -> bool:
        """Return whether a fast format took the block as a whole; its first record says which may."""
        if not block.plain or not block.pieces:
            return False
        first = block.pieces[0]
        value, _ = _decode_record(block.data[first.start : first.end])
        form = self._read_form(value) if isinstance(value, dict) else None
        if not isinstance(form, FastFormat):
            return False
        scanned = form.scan(block.data, self.context)
        if scanned is None or scanned.records != len(block.pieces):
            return False
        batch.records = scanned.records
        places = [piece.place for piece in block.pieces]
        batch.ready.append(FastTables(form.name, scanned.tables, scanned.owners, places))
        return True

    def _piece(
        self, block: RecordBlock, piece: CutRecord, data: bytes, secret: bool, batch: LogBatch
    ) -> None:
        self._read_piece(block, piece, data, secret, batch)
        batch.records += 1

    def _read_piece(
        self, block: RecordBlock, piece: CutRecord, data: bytes, secret: bool, batch: LogBatch
    ) -> None:
        error = piece.error
        if not error and not is_utf8(data):
            try:
                data = decode_with(data, self.context.encoding).encode()
                batch.recoded += 1
            except UnicodeDecodeError as wrong:
                error = decode_error(wrong, self.context.encoding, block.start + piece.start)
        if error:
            self._quarantine_part(piece.place, error, data, batch)
        elif block.text and not data.lstrip().startswith(b"{"):
            line = data.decode().rstrip("\r")
            self._read_line(mask_secrets(line) if secret else line, data, piece.place, batch)
        else:
            self._dispatch_value(data, piece.place, secret, batch)

    def _dispatch_value(self, data: bytes, place: str, secret: bool, batch: LogBatch) -> None:
        value, halves = _decode_record(data)
        batch.halves += halves
        if not isinstance(value, dict):
            reason = value if isinstance(value, str) else "expected a JSON object"
            self._quarantine_part(place, reason, data, batch)
            return
        form, value = self._find_format(value)
        if (form is None or self._is_no_row(form, value)) and self._read_message(
            value, data, place, secret, batch
        ):
            return
        self._read_record(form, _mask_record(value, data) if secret else value, data, place, batch)

    def _read_message(
        self, value: dict[str, object], data: bytes, place: str, secret: bool, batch: LogBatch
    ) -> bool:
        """Read what is in a message, each record counted; False where the value is none."""
        try:
            found = unwrap_message(value, self._recognizes)
        except BadRecordError as error:
            self._quarantine_part(join_place(place, error.path), error.reason, data, batch)
            return True
        for number, one in enumerate(found or ()):
            batch.records += number > 0
            self._read_wrapped_record(one, join_place(place, one.path), secret or one.opened, batch)
        return found is not None

    def _read_wrapped_record(self, one: WrappedRecord, place: str, secret: bool, batch: LogBatch) -> None:
        item = one.item
        if secret:
            item = _mask_record(item, b"" if isinstance(item, str) else to_json_text(item).encode())
        raw = (
            item.encode("utf-8", "backslashreplace") if isinstance(item, str) else to_json_text(item).encode()
        )
        if one.reason:
            self._quarantine_part(place, one.reason, raw, batch)
        elif isinstance(item, str):
            self._read_line(item, raw, place, batch)
        else:
            form, item = self._find_format(item)
            self._read_record(form, item, raw, place, batch)

    def _recognizes(self, item: dict[str, object] | str) -> bool:
        """Return whether a format reads a record or a line; of one that reads anything, whether that has a time."""
        if isinstance(item, str):
            return any(form.recognizes_line(item) for form in self.formats.lines)
        form, item = self._find_format(item)
        return form is not None and not self._is_no_row(form, item)

    def _is_no_row(self, form: LogFormat, record: dict[str, object]) -> bool:
        """Return whether the format of the table that is asked for takes a record that can be no row: nothing in it is
        called a time."""
        return (
            bool(self.context.table)
            and isinstance(form, RowFormat)
            and not any(name in record for name in TIMES)
        )

    def _read_record(
        self, form: LogFormat | None, value: dict[str, object], data: bytes, place: str, batch: LogBatch
    ) -> None:
        if form is None:
            reason = "no format recognizes the record: name its table with --table"
            self._quarantine_part(place, reason, data, batch)
            return
        self._add_rows(form, form.rows(value, self.context), data, place, batch)

    def _read_line(self, line: str, data: bytes, place: str, batch: LogBatch) -> None:
        if (message := read_container_message(line)) and self._read_container_message(
            message, data, place, batch
        ):
            return
        for form in self.formats.lines:
            if form.recognizes_line(line):
                self._add_rows(form, form.build_rows_of_line(line, self.context), data, place, batch)
                return
        self._quarantine_part(place, UNRECOGNIZED_LINE, data, batch)

    def _read_container_message(self, message: str, data: bytes, place: str, batch: LogBatch) -> bool:
        """Read what a container wrote; False where no format does. A time and a word in it are no header of syslog."""
        if message.startswith("{"):
            value, _ = _decode_record(message.encode())
            form, value = self._find_format(value) if isinstance(value, dict) else (None, {})
            if form is None or isinstance(form, RowFormat):
                return False
            self._read_record(form, value, data, place, batch)
            return True
        for reader in self.formats.lines:
            if (reader is not _SYSLOG or message.startswith("<")) and reader.recognizes_line(message):
                self._add_rows(reader, reader.build_rows_of_line(message, self.context), data, place, batch)
                return True
        return False

    def _add_rows(
        self,
        form: LogFormat | LineFormat,
        items: Iterator[LogRow | RecordFault],
        data: bytes,
        place: str,
        batch: LogBatch,
    ) -> None:
        before = len(batch.bad)
        made = 0
        try:
            for item in items:
                if isinstance(item, LogRow):
                    made += 1
                    batch.rows[item.table].append(PlacedRow(item, place, form.name, batch.records))
                else:
                    self._quarantine_part(
                        join_place(place, item.path), item.reason, item.raw or data, batch, form.name
                    )
        except BadRecordError as error:
            self._quarantine_part(join_place(place, error.path), error.reason, data, batch, form.name)
        batch.empty += not made and len(batch.bad) == before

    def _quarantine_part(
        self, place: str, reason: str, raw: bytes | str, batch: LogBatch, form: str = ""
    ) -> None:
        """Set something of the record aside that is being read."""
        batch.bad.append(quarantine_entry(self.context, place, reason, raw, form))
        batch.faulty.add(batch.records)

    def _find_format(self, record: dict[str, object]) -> tuple[LogFormat | None, dict[str, object]]:
        """The format of a record, and the record as that reads it: a row of a table keeps its names as they are."""
        named = to_common_schema(record)
        form = self._read_form(named)
        if named is not record and (form is None or isinstance(form, RowFormat)):
            return form, record
        return form, named

    def _read_form(self, record: dict[str, object]) -> LogFormat | None:
        """The format of a record: records of one kind follow each other, so the last one is asked first."""
        if self.last is not None and self.last.recognizes(record):
            return self.last
        for place, form in enumerate(self.formats.records):
            if form.recognizes(record):
                self.last = form if place < self.formats.exact else None
                return form
        return None


def _mask_record(value: object, data: bytes) -> Any:
    """A record without its secrets; one that nests too deeply to be gone through has what is deep in it as text."""
    try:
        return mask_value(value)
    except RecursionError:
        return mask_value(decode_json(limit_json(escape_half_surrogates(data))))


def _decode_record(data: bytes) -> tuple[object, bool]:
    """The JSON value, or as text why it is none; and whether halves of surrogate pairs are spelled in it."""
    try:
        return msgspec.json.decode(data), False
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        wrong = error
    try:
        return decode_json(data), escape_half_surrogates(data) != data
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return describe_error(str(wrong)), False
