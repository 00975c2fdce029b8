"""Lake sink: parse, measure and append the data of a source."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

from nephoscope.ingest.live.arrival_measurement import find_filled_columns, measure_arrivals
from nephoscope.ingest.live.live_source import (
    LAKE,
    UNWANTED,
    IngestCounts,
    QuarantinedInput,
    ReceivedLines,
    RowOrigin,
    SourceChunk,
)
from nephoscope.ingest.live.source_meter import SourceMeter
from nephoscope.ingest.logs.discovery import Formats, load_formats
from nephoscope.ingest.logs.gzip_messages import unpack_message
from nephoscope.ingest.logs.log_format import BadRecordError, Destination, LogRow, StreamContext
from nephoscope.ingest.logs.log_reader import read_batches
from nephoscope.ingest.logs.parsed_batch import ParsedBatch, parse_batch
from nephoscope.ingest.logs.row_batch import LogBatch, PlacedRow
from nephoscope.ingest.logs.secret_masking import is_suspect, mask_secrets
from nephoscope.ingest.source_failures import LakeBusyError, SourceStoppedError
from nephoscope.ingest.threat_intelligence.indicator_rows import INDICATORS
from nephoscope.lake.errors import SpoolFullError
from nephoscope.lake.writing.quarantine import RAW_BYTES, QuarantineEntry
from nephoscope.state.ingestion.ingest_stats import Arrivals
from nephoscope.state.ingestion.source_errors import normalize_error_key

if TYPE_CHECKING:
    from nephoscope.ingest.logs.address_lookup import AddressLookup
    from nephoscope.ingest.logs.log_format import LineFormat
    from nephoscope.ingest.threat_intelligence.indicator import IntelItem, Retraction
    from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.writing.writer import Writer
    from nephoscope.model.resource_binding import ResourceBinding
    from nephoscope.state.ingestion.checkpoints import Checkpoints

#: Seconds between two tries while the lake is full: doubled up to the second.
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0
#: Columns that say where a message came from, where its format does not.
_PEERS = {"Syslog": "HostIP"}


@dataclass(frozen=True)
class LakeSink:
    """Takes what one source reads into one workspace; the Sink of source.py."""

    source: str
    workspace: str
    lake: Lake
    writer: Writer
    kept: Checkpoints
    meter: SourceMeter
    stop: Event
    zone: tzinfo = UTC
    destination: Destination = Destination.BOTH
    whereabouts: Callable[[], AddressLookup | None] = lambda: None
    learning: Callable[[Sequence[IntelItem | Retraction], datetime], IntelCounts] | None = None
    failing: Callable[[], Collection[str]] = frozenset

    def get_last_sequence(self, feed: str) -> int:
        """The last sequence taken of a feed."""
        return self.writer.last(self._build_producer_name(feed))

    def read(
        self,
        feed: str,
        stream: BinaryIO,
        name: str,
        *,
        at: int,
        growing: bool,
        form: str = "auto",
        from_start: bool = False,
    ) -> int:
        """Hand over the records of a stream, batch by batch."""
        context = self._build_context(name)
        chosen = _select_formats(form)
        if growing:
            # A table with a header or a footer can be read only once it is whole.
            chosen = chosen._replace(files=())
        # A format that reads its file as a whole cannot be taken up within it: its batches are counted instead.
        found = read_batches(stream, chosen, context, resume_at=at, growing=growing, from_start=from_start)
        for ordinal, batch in enumerate(found, 1):
            counted = batch.whole or batch.end < 0
            self._append_batch(
                feed, ordinal if counted else batch.end, self._parse_batch(batch, context), wait=True
            )
            at = at if counted else batch.end
        return at

    def write_batch(
        self,
        feed: str,
        sequence: int | None,
        pieces: tuple[SourceChunk, ...] = (),
        *,
        lines: tuple[ReceivedLines, ...] = (),
        rows: Mapping[str, Sequence[Mapping[str, object]]] | None = None,
        origins: Mapping[str, Sequence[RowOrigin]] | None = None,
        refused: tuple[QuarantinedInput, ...] = (),
        wait: bool = True,
        after: int | None = None,
        sender: ResourceBinding | None = None,
    ) -> IngestCounts:
        """Everything in one append."""
        if sequence is not None and after is None and sequence <= self.get_last_sequence(feed):
            return IngestCounts()
        context = replace(
            self._build_context(pieces[0].name if pieces else f"{self.source}/{feed}"), sender=sender
        )
        batch = LogBatch(-1 if sequence is None else sequence)
        for piece in pieces:
            _add_piece(batch, piece, replace(context, source=piece.name))
        for group in lines:
            _add_lines(batch, group, replace(context, source=f"syslog://{group.peer}"))
        for name, several in (rows or {}).items():
            batch.rows[name] += _place_rows(name, several, origins[name] if origins else (), batch.records)
            batch.records += len(several)
        whole = self._parse_batch(batch, context)
        whole.bad.extend(_quarantine_entry(one) for one in refused)
        return self._append_batch(feed, sequence, whole, wait=wait, after=after)

    def store_indicators(self, items: Sequence[IntelItem | Retraction]) -> IntelCounts:
        """Keep threat intelligence."""
        assert self.learning is not None
        kept = self.learning(items, datetime.now(UTC))
        if kept.new + kept.changed:
            self.meter.record_columns({INDICATORS: frozenset()})
        return kept

    def get_checkpoint(self, key: str) -> Mapping[str, Any] | None:
        """Return what was saved under a key."""
        found: Mapping[str, Any] | None = self.kept.get(self.source, key)
        return found

    def save_checkpoint(self, key: str, value: Mapping[str, object]) -> None:
        """Save a checkpoint."""
        self.kept.put(self.source, key, dict(value))

    def drop_checkpoint(self, key: str) -> None:
        """Drop a checkpoint."""
        self.kept.remove(self.source, key)

    def list_checkpoints(self, prefix: str = "") -> Mapping[str, Mapping[str, Any]]:
        """All checkpoints whose key begins with a prefix."""
        return {key: value for key, value in self.kept.all(self.source).items() if key.startswith(prefix)}

    def report_health(
        self, error: str = "", lag: float | None = None, dropped: int = 0, *, key: str = ""
    ) -> None:
        """Tell health."""
        self.meter.report_health(error, lag, dropped, key=key)

    def report_working(self, *keys: str) -> None:
        """Tell health that parts work."""
        self.meter.report_working(*keys)

    def report_only(self, prefix: str, keys: Collection[str]) -> None:
        """Tell health that no other parts of a kind fail."""
        kept = {normalize_error_key(key) for key in keys}
        self.meter.report_working(
            *(key for key in self.failing() if key.startswith(prefix) and key not in kept)
        )

    def _build_producer_name(self, feed: str) -> str:
        return f"{self.source}/{feed}"

    def _build_context(self, name: str) -> StreamContext:
        return StreamContext(
            source=name,
            now=datetime.now(UTC),
            zone=self.zone,
            destination=self.destination,
            whereabouts=self.whereabouts(),
        )

    def _parse_batch(self, batch: LogBatch, context: StreamContext) -> ParsedBatch:
        return parse_batch(batch, context, self.lake.tables, self.lake.workspace(self.workspace))

    def _append_batch(
        self, feed: str, sequence: int | None, found: ParsedBatch, *, wait: bool, after: int | None = None
    ) -> IngestCounts:
        pause = _FIRST_WAIT
        while True:
            now = datetime.now(UTC)
            brought = measure_arrivals(found.tables, found.bad, now, found.untimed)
            arrivals = Arrivals(self.source, self.workspace, now, brought, sum(found.unwanted.values()))
            try:
                new = self.writer.append(
                    self.workspace,
                    found.tables,
                    bad=found.bad,
                    producer=self._build_producer_name(feed),
                    sequence=sequence,
                    after=after,
                    arrivals=arrivals,
                )
            except SpoolFullError as error:
                self.meter.report_health(full=1, error=str(error), key=LAKE)
                if not wait:
                    raise LakeBusyError(str(error)) from error
                if self.stop.wait(pause):
                    raise SourceStoppedError from error
                pause = min(_LONGEST_WAIT, pause * 2)
                continue
            break
        self.meter.report_working(LAKE)
        if not new:
            return IngestCounts()
        self._report_unwanted_tables(found)
        known = self.lake.tables
        self.meter.record_columns(
            {
                name: find_filled_columns(known[name], rows)
                for name, rows in found.tables.items()
                if rows.num_rows
            }
        )
        return IngestCounts(sum(rows.num_rows for rows in found.tables.values()), len(found.bad))

    def _report_unwanted_tables(self, found: ParsedBatch) -> None:
        """Say which tables the workspace does not take, where records were set aside for that."""
        place = self.lake.workspace(self.workspace)
        reasons = {place.refusal(name): name for name in found.unwanted}
        names = sorted({name for one in found.bad for why, name in reasons.items() if why in one.reason})
        if names:
            problem = f"{place.refusal(', '.join(names))}: such records go to _Quarantine"
            self.meter.report_health(error=problem, key=UNWANTED)


def _place_rows(
    table: str, rows: Sequence[Mapping[str, object]], origins: Sequence[RowOrigin], first: int
) -> Iterator[PlacedRow]:
    for number, row in enumerate(rows):
        placed = PlacedRow(LogRow(table, dict(row)), f"record {number}", "", first + number)
        if origins:
            origin = origins[number]
            placed = placed._replace(place=origin.place, sent=origin.record, unfit=origin.unfit)
        yield placed


def _select_formats(form: str) -> Formats:
    return load_formats() if form == "auto" else load_formats().select_format(form)


def _add_piece(batch: LogBatch, piece: SourceChunk, context: StreamContext) -> None:
    """Add what one piece gives; its places begin with that of the piece. What makes a format fail is bad, and stops nothing."""
    content, wrong = unpack_message(piece.data)
    if wrong:
        batch.bad.append(_quarantine_entry(QuarantinedInput(piece.name, piece.place, wrong, "")))
    try:
        parts = list(read_batches(io.BytesIO(content), _select_formats(piece.format), context))
    except Exception as error:  # noqa: BLE001 - the boundary of a message
        reason = f"a fault of the reader: {type(error).__name__}: {error}"
        raw = piece.data[:RAW_BYTES].decode("utf-8", "replace")
        batch.bad.append(_quarantine_entry(QuarantinedInput(piece.name, piece.place, reason, raw)))
        return
    for part in parts:
        batch.add(part, piece.place)


def _add_lines(batch: LogBatch, group: ReceivedLines, context: StreamContext) -> None:
    known = load_formats().lines
    for record, text in enumerate(group.texts, batch.records):
        batch.records += 1
        line = mask_secrets(text) if is_suspect(text.encode()) else text
        form = next((form for form in known if form.recognizes_line(line)), None)
        if form is None:
            reason = "no format recognizes the message"
            batch.bad.append(QuarantineEntry(context.source, "message", reason, line[:RAW_BYTES], ""))
            continue
        for item in _parse_line(form, line, context, batch):
            peer = _PEERS.get(item.table)
            if peer is not None and not item.values.get(peer):
                item.values[peer] = group.peer
            batch.rows[item.table].append(PlacedRow(item, "message", form.name, record))


def _parse_line(form: LineFormat, line: str, context: StreamContext, batch: LogBatch) -> Iterator[LogRow]:
    """The rows of a line; what is wrong with it is added to what is bad."""
    try:
        for item in form.build_rows_of_line(line, context):
            if isinstance(item, LogRow):
                yield item
            else:
                batch.bad.append(
                    QuarantineEntry(context.source, "message", item.reason, line[:RAW_BYTES], form.name)
                )
    except BadRecordError as error:
        batch.bad.append(
            QuarantineEntry(context.source, "message", error.reason, line[:RAW_BYTES], form.name)
        )
    except Exception as error:  # noqa: BLE001 - the boundary of a message: what makes a format fail stops nothing
        reason = f"a fault of the reader: {type(error).__name__}: {error}"
        batch.bad.append(QuarantineEntry(context.source, "message", reason, line[:RAW_BYTES], form.name))


def _quarantine_entry(one: QuarantinedInput) -> QuarantineEntry:
    return QuarantineEntry(
        one.name, one.place, mask_secrets(one.reason), mask_secrets(one.raw)[:RAW_BYTES], ""
    )
