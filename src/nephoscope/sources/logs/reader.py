"""Ask the formats for the rows of blocks: record by record, or a block at once where a format is fast."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.sources.logs.batch import Batch, Placed, Ready, bad_entry, within
from nephoscope.sources.logs.format import BadRecordError, FastFormat, Row
from nephoscope.sources.logs.json_value import decoded, told
from nephoscope.sources.logs.secrets import masked, masked_value, suspects
from nephoscope.sources.logs.text import is_utf8, read_as, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.sources.logs.cutter import Block, Piece
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.format import Context, Fault, LineFormat, LogFormat


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for unused cycles: rows have none, and looking through those of a block again and again takes a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class Reader:
    """Asks the formats for the rows of blocks."""

    def __init__(self, formats: Formats, context: Context) -> None:
        self.formats = formats
        self.context = context
        self.last: LogFormat | None = None

    def batch(self, block: Block) -> Batch:
        """The rows of a block."""
        batch = Batch(block.end, sure=block.sure, text=block.text)
        if not self._scanned(block, batch):
            self._one_by_one(block, batch)
        return batch

    def _one_by_one(self, block: Block, batch: Batch) -> None:
        """Read the records of a block one by one."""
        records = [block.data[piece.start : piece.end] for piece in block.pieces]
        with uncollected():
            for piece, data, secret in zip(block.pieces, records, suspects(records), strict=True):
                self._piece(block, piece, data, secret, batch)

    def _scanned(self, block: Block, batch: Batch) -> bool:
        """Whether a fast format took the block as a whole; its first record says which may."""
        if not block.plain or not block.pieces:
            return False
        first = block.pieces[0]
        value, _ = _decoded(block.data[first.start : first.end])
        form = self._form(value) if isinstance(value, dict) else None
        if not isinstance(form, FastFormat):
            return False
        scanned = form.scan(block.data, self.context)
        if scanned is None or scanned.records != len(block.pieces):
            return False
        batch.records = scanned.records
        places = [piece.place for piece in block.pieces]
        batch.ready.append(Ready(form.name, scanned.tables, scanned.owners, places))
        return True

    def _piece(self, block: Block, piece: Piece, data: bytes, secret: bool, batch: Batch) -> None:
        before = len(batch.bad)
        self._judged(block, piece, data, secret, batch)
        if len(batch.bad) > before:
            batch.faulty.add(batch.records)
        batch.records += 1

    def _judged(self, block: Block, piece: Piece, data: bytes, secret: bool, batch: Batch) -> None:
        error = piece.error
        if not error and not is_utf8(data):
            try:
                data = read_as(data, self.context.encoding).encode()
                batch.recoded += 1
            except UnicodeDecodeError as wrong:
                error = why_not(wrong, self.context.encoding, block.start + piece.start)
        if error:
            batch.bad.append(bad_entry(self.context, piece.place, error, data, ""))
        elif block.text and not data.lstrip().startswith(b"{"):
            self._line(data, piece, secret, batch)
        else:
            self._record(data, piece, secret, batch)

    def _record(self, data: bytes, piece: Piece, secret: bool, batch: Batch) -> None:
        value, halves = _decoded(data)
        batch.halves += halves
        if not isinstance(value, dict):
            reason = value if isinstance(value, str) else "expected a JSON object"
            batch.bad.append(bad_entry(self.context, piece.place, reason, data, ""))
            return
        if secret:
            value = masked_value(value)
        form = self._form(value)
        if form is None:
            reason = "no format recognises the record: name its table with --table"
            batch.bad.append(bad_entry(self.context, piece.place, reason, data, ""))
            return
        self._rows(form, form.rows(value, self.context), data, piece, batch)

    def _line(self, data: bytes, piece: Piece, secret: bool, batch: Batch) -> None:
        line = data.decode().rstrip("\r")
        if secret:
            line = masked(line)
        for form in self.formats.lines:
            if form.recognises_line(line):
                self._rows(form, form.line_rows(line, self.context), data, piece, batch)
                return
        batch.bad.append(bad_entry(self.context, piece.place, "no format recognises the line", data, ""))

    def _rows(
        self,
        form: LogFormat | LineFormat,
        items: Iterator[Row | Fault],
        data: bytes,
        piece: Piece,
        batch: Batch,
    ) -> None:
        before = len(batch.bad)
        made = 0
        try:
            for item in items:
                if isinstance(item, Row):
                    made += 1
                    batch.rows[item.table].append(Placed(item, piece.place, form.name, batch.records))
                else:
                    place = within(piece.place, item.path)
                    batch.bad.append(bad_entry(self.context, place, item.reason, item.raw or data, form.name))
        except BadRecordError as error:
            place = within(piece.place, error.path)
            batch.bad.append(bad_entry(self.context, place, error.reason, data, form.name))
        batch.empty += not made and len(batch.bad) == before

    def _form(self, record: dict[str, Any]) -> LogFormat | None:
        """The format of a record: records of one kind follow each other, so the last one is asked first."""
        if self.last is not None and self.last.recognises(record):
            return self.last
        for place, form in enumerate(self.formats.records):
            if form.recognises(record):
                self.last = form if place < self.formats.exact else None
                return form
        return None


def _decoded(data: bytes) -> tuple[Any, bool]:
    """The JSON value, or as text why it is none; and whether halves of surrogate pairs are spelled in it."""
    try:
        return msgspec.json.decode(data), False
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        wrong = error
    try:
        return decoded(data), True
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return told(str(wrong)), False
