"""From a stream to rows: blocks are cut, records recognised, rows made, and what is broken set aside with its place."""

from __future__ import annotations

import gc
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from nephoscope.lake.columns import STANDARD
from nephoscope.lake.packed import joined, unpacked
from nephoscope.lake.quarantine import Bad
from nephoscope.lake.rows import arrow_of, complete
from nephoscope.sources.logs.binary import why_no_log
from nephoscope.sources.logs.envelope import Block, Piece, blocks, told
from nephoscope.sources.logs.flow_tuple import TABLE as FLOWS
from nephoscope.sources.logs.format import BadRecordError, FastFormat, Fault, Row
from nephoscope.sources.logs.secrets import masked, masked_value, suspects
from nephoscope.sources.logs.text import is_utf8, read_as, why_not

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.lake.rows import Rows
    from nephoscope.lake.tables import Tables
    from nephoscope.lake.workspace import Workspace
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.format import Context, FileFormat, LineFormat, LogFormat

MAX_RAW = 4096
_FILE_BATCH = 50_000
_HEAD = 64 * 1024
_FEW = 16


class Placed(NamedTuple):
    """A row with the record that it comes from, for what may still be wrong with it; `record` is its number in the batch."""

    row: Row
    place: str
    format: str
    record: int = 0


@dataclass(slots=True)
class Batch:
    """What a block gave: rows by table, Arrow tables of fast formats, bad entries; `end` is where reading may be taken up.

    Of `records`, `empty` told of nothing (a flow log of a minute without flows): no row and nothing bad; `faulty` are the numbers of
    those of which something is bad, `recoded` were no UTF-8. `sure` is the byte behind which nothing changes when more is appended
    to the source (-1 = not there), `text` whether that is lines. `owners` says of each row of a fast format its record.
    """

    end: int
    records: int = 0
    empty: int = 0
    recoded: int = 0
    sure: int = -1
    text: bool = False
    rows: dict[str, list[Placed]] = field(default_factory=lambda: defaultdict(list))
    ready: list[tuple[str, Mapping[str, pa.Table]]] = field(default_factory=list)
    owners: Sequence[int] | None = None
    bad: list[Bad] = field(default_factory=list)
    faulty: set[int] = field(default_factory=set)


def batches(
    stream: BinaryIO,
    formats: Formats,
    context: Context,
    *,
    resume_at: int = 0,
    growing: bool = False,
    text: bool | None = None,
) -> Iterator[Batch]:
    """The rows of a stream that stands at byte `resume_at` of its source, a batch a block of about 4 MiB.

    The same bytes give the same batches, however they are read and wherever reading was taken up. `growing`, `text` as for `blocks`.
    """
    if context.table:
        formats = formats.into(context.table)
    if resume_at == 0 and formats.files:
        stream, head = _peeked(stream)
        if wrong := why_no_log(head):
            yield Batch(-1, 1, bad=[_bad(context, "byte 0", wrong, head[:_FEW], "")], faulty={0})
            return
        form = _whole_file(head, formats, context)
        if form is not None:
            yield from _of_file(stream, form, context)
            return
    reader = _Reader(formats, context)
    for block in blocks(stream, offset=resume_at, growing=growing, text=text):
        yield reader.batch(block)


class Outcome(NamedTuple):
    """What became of records: `whole` gave rows, `partly` rows and something bad, `aside` only that, `empty` told of nothing."""

    whole: int = 0
    partly: int = 0
    aside: int = 0
    empty: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return sum(self)


def _whole_file(head: bytes, formats: Formats, context: Context) -> FileFormat | None:
    """The format of a file that is read as a whole: by its beginning, by its name, or the only one that is asked for."""
    for form in formats.files:
        if form.recognises_start(head):
            return form
    if not head.strip():
        return None
    if not formats.records and not formats.lines:
        return formats.files[0]
    first = head.split(b"\n", 1)[0].decode("utf-8", "backslashreplace").rstrip("\r")
    if first.lstrip()[:1] in ("{", "[") or any(form.recognises_line(first) for form in formats.lines):
        return None
    name = context.source.lower()
    return next((form for form in formats.files if form.suffixes and name.endswith(form.suffixes)), None)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a block gave, ready for the lake's writer: rows by table in storage types, and what is bad.

    `end` is the byte at which reading may be taken up (-1 = not there); `sure`, `text` and `recoded` as in Batch. `derived` of the
    rows were made of other rows; `strangers` have no column of the table that was asked for but those that every table has.
    """

    tables: dict[str, pa.Table]
    bad: list[Bad]
    end: int
    outcome: Outcome
    sure: int = -1
    text: bool = False
    recoded: int = 0
    derived: int = 0
    strangers: int = 0


def read(
    stream: BinaryIO,
    formats: Formats,
    context: Context,
    *,
    tables: Tables,
    workspace: Workspace,
    resume_at: int = 0,
    growing: bool = False,
    text: bool | None = None,
) -> Iterator[Parsed]:
    """The rows of a stream for the tables of a workspace; everything else as for `batches`."""
    for batch in batches(stream, formats, context, resume_at=resume_at, growing=growing, text=text):
        yield parsed(batch, context, tables, workspace)


def parsed(batch: Batch, context: Context, tables: Tables, workspace: Workspace) -> Parsed:
    """A batch in storage types; rows that their table does not take are bad."""
    bad = list(batch.bad)
    made: dict[str, list[pa.Table]] = defaultdict(list)
    kept, faulty = set[int](), set(batch.faulty)
    for form, ready in batch.ready:
        for name, arrow in ready.items():
            rows = complete(tables[name], arrow, workspace=workspace, now=context.now)
            made[name].append(rows.table)
            bad += _left_out(rows, arrow, name, form, batch, context)
            _sorted_out(batch.owners, arrow.num_rows, rows, kept, faulty)
    for name, placed in batch.rows.items():
        owners = [one.record for one in placed]
        table = tables.get(name)
        if table is None:
            reason = f"no table is named {name!r}: import its definition first"
            bad += [_bad_row(one, context, reason, name) for one in placed]
            faulty.update(owners)
            continue
        rows = arrow_of(table, [one.row.values for one in placed], workspace=workspace, now=context.now)
        made[name].append(rows.table)
        bad += [_bad_row(placed[place], context, reason, name) for place, reason in rows.bad]
        _sorted_out(owners, len(placed), rows, kept, faulty)
    whole = {name: parts[0] if len(parts) == 1 else joined(parts) for name, parts in made.items()}
    analytics = _analytics(whole.get(FLOWS), context, tables, workspace)
    both = len(kept & faulty)
    outcome = Outcome(
        len(kept) - both, both, len(faulty) - both, max(batch.records - len(kept) - len(faulty) + both, 0)
    )
    return Parsed(
        whole | analytics, bad, batch.end, outcome, batch.sure, batch.text, batch.recoded,
        sum(rows.num_rows for rows in analytics.values()), _strangers(batch, context, tables),
    )  # fmt: skip


def _sorted_out(
    owners: Sequence[int] | None, count: int, rows: Rows, kept: set[int], faulty: set[int]
) -> None:
    """Add the numbers of the records of which rows were kept, and of those of which rows were left out."""
    if owners is None or not count:
        return
    left_out = {place for place, _ in rows.bad}
    if not left_out:
        kept.update(np.unique(owners).tolist())
        return
    for place, record in enumerate(owners):
        (faulty if place in left_out else kept).add(int(record))


def _strangers(batch: Batch, context: Context, tables: Tables) -> int:
    """How many rows for the table that was asked for have none of its own columns."""
    table = tables.get(context.table) if context.table else None
    if table is None:
        return 0
    own = table.types.keys() - STANDARD.keys() - {table.bag}
    return sum(own.isdisjoint(one.row.values) for one in batch.rows.get(context.table, ()))


def _analytics(
    flows: pa.Table | None, context: Context, tables: Tables, workspace: Workspace
) -> dict[str, pa.Table]:
    """Traffic analytics of a block's flows, where an estate is there to join them with."""
    if flows is None or not flows.num_rows or context.whereabouts is None:
        return {}
    from nephoscope.sources.logs import network_analytics, traffic_analytics

    plain = flows.cast(unpacked(flows.schema))
    rows = traffic_analytics.analytics(plain, context.whereabouts, context.now)
    made = {}
    if context.destination.dedicated:
        made[traffic_analytics.TABLE] = rows
    if context.destination.azure_diagnostics:
        made[network_analytics.TABLE] = network_analytics.older(rows)
    return {
        name: complete(tables[name], one, workspace=workspace, now=context.now).table
        for name, one in made.items()
    }


def _left_out(
    rows: Rows, arrow: pa.Table, name: str, form: str, batch: Batch, context: Context
) -> Iterator[Bad]:
    for place, reason in rows.bad:
        raw = _json(arrow.slice(place, 1).to_pylist()[0])
        where = f"row {place} of the block before byte {batch.end}"
        yield Bad(context.source, where, masked(reason), raw, form, name)


def _bad_row(placed: Placed, context: Context, reason: str, table: str) -> Bad:
    raw = _json(placed.row.values)
    return Bad(context.source, placed.place, masked(reason), raw, placed.format, table)


def _json(values: Mapping[str, Any]) -> str:
    return msgspec.json.encode(values, enc_hook=str).decode()[:MAX_RAW]


class _Peeked:
    """A stream whose first bytes were looked at."""

    def __init__(self, stream: BinaryIO, head: bytes) -> None:
        self._stream = stream
        self._head = head

    def read(self, size: int = -1) -> bytes:
        if self._head:
            head = self._head if size < 0 else self._head[:size]
            self._head = self._head[len(head) :]
            return head + self._stream.read() if size < 0 else head
        return self._stream.read(size)


def _peeked(stream: BinaryIO) -> tuple[BinaryIO, bytes]:
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


def _of_file(stream: BinaryIO, form: FileFormat, context: Context) -> Iterator[Batch]:
    batch, last = Batch(-1), ""
    try:
        for item, place, end, recoded in form.file_rows(stream, context):
            if place != last or not batch.records:
                batch.records += 1
                batch.recoded += recoded
            last, batch.end = place, end
            number = batch.records - 1
            if isinstance(item, Fault):
                batch.bad.append(_bad(context, _at(place, item.path), item.reason, item.raw, form.name))
                batch.faulty.add(number)
            else:
                batch.rows[item.table].append(Placed(item, place, form.name, number))
            if batch.records >= _FILE_BATCH:
                yield batch
                batch = Batch(end)
    except BadRecordError as error:
        batch.bad.append(_bad(context, error.path or "the file", error.reason, "", form.name))
        batch.faulty.add(batch.records)
        batch.records += 1
    if batch.records or batch.bad:
        yield batch


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


class _Reader:
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
        value = _decoded(block.data[first.start : first.end])
        form = self._form(value) if isinstance(value, dict) else None
        if not isinstance(form, FastFormat):
            return False
        scanned = form.scan(block.data, self.context)
        if scanned is None or scanned.records != len(block.pieces):
            return False
        batch.records = scanned.records
        batch.ready.append((form.name, scanned.tables))
        batch.owners = scanned.owners
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
            batch.bad.append(_bad(self.context, piece.place, error, data, ""))
        elif block.text and not data.lstrip().startswith(b"{"):
            self._line(data, piece, secret, batch)
        else:
            self._record(data, piece, secret, batch)

    def _record(self, data: bytes, piece: Piece, secret: bool, batch: Batch) -> None:
        value = _decoded(data)
        if not isinstance(value, dict):
            reason = value if isinstance(value, str) else "expected a JSON object"
            batch.bad.append(_bad(self.context, piece.place, reason, data, ""))
            return
        if secret:
            value = masked_value(value)
        form = self._form(value)
        if form is None:
            reason = "no format recognises the record: name its table with --table"
            batch.bad.append(_bad(self.context, piece.place, reason, data, ""))
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
        batch.bad.append(_bad(self.context, piece.place, "no format recognises the line", data, ""))

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
                    place = _at(piece.place, item.path)
                    batch.bad.append(_bad(self.context, place, item.reason, item.raw or data, form.name))
        except BadRecordError as error:
            place = _at(piece.place, error.path)
            batch.bad.append(_bad(self.context, place, error.reason, data, form.name))
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


def _decoded(data: bytes) -> Any:
    """The JSON value, or as text why it is none."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        return f"not JSON: {told(str(error))}"


def _at(place: str, path: str) -> str:
    return f"{place}.{path}" if path else place


def _bad(context: Context, place: str, reason: str, raw: bytes | str, form: str) -> Bad:
    text = raw[:MAX_RAW].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw[:MAX_RAW]
    return Bad(context.source, place, masked(reason), masked(text)[:MAX_RAW], form)
