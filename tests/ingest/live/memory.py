"""A sink that keeps what it is given, and can be full or fail: for tests of what reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.ingest.live.live_source import IngestCounts, QuarantinedInput, ReceivedLines, SourceChunk
from nephoscope.ingest.logs.record_framing import blocks
from nephoscope.ingest.source_failures import LakeBusyError
from nephoscope.ingest.threat_intelligence.version_merge import IntelCounts
from nephoscope.lake.errors import ProducerOvertakenError


@dataclass
class MemorySink:
    """Keeps the sequences as the lake does: what is not above the last one is dropped."""

    sequences: dict[str, int] = field(default_factory=dict)
    saved: dict[str, dict[str, Any]] = field(default_factory=dict)
    pieces: list[tuple[str, int, SourceChunk]] = field(default_factory=list)
    records: list[tuple[str, bytes]] = field(default_factory=list)
    lines: list[ReceivedLines] = field(default_factory=list)
    refused: list[QuarantinedInput] = field(default_factory=list)
    tables: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    learned: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    standing: dict[str, str] = field(default_factory=dict)
    dropped: int = 0
    busy: threading.Event = field(default_factory=threading.Event)
    before: Callable[[str, int], None] = lambda feed, sequence: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_last_sequence(self, feed: str) -> int:
        return self.sequences.get(feed, -1)

    def write_batch(
        self,
        feed,
        sequence,
        pieces=(),
        *,
        lines=(),
        rows=None,
        origins=None,
        refused=(),
        wait=True,
        after=None,
        sender=None,
    ) -> IngestCounts:
        while self.busy.is_set():
            if not wait:
                raise LakeBusyError("full")
            time.sleep(0.01)
        with self.lock:
            if after is not None and after != self.get_last_sequence(feed):
                raise ProducerOvertakenError(f"{feed} is at {self.get_last_sequence(feed)}")
            sequence = self.get_last_sequence(feed) + 1 if sequence is None else sequence
            if sequence <= self.get_last_sequence(feed):
                return IngestCounts()
            self.before(feed, sequence)
            self.sequences[feed] = sequence
            self.pieces += [(feed, sequence, piece) for piece in pieces]
            self.lines += lines
            self.refused += refused
            for table, several in (rows or {}).items():
                self.tables.setdefault(table, []).extend(several)
            count = sum(len(one.texts) for one in lines) + len(pieces)
            return IngestCounts(count + sum(map(len, (rows or {}).values())), len(refused))

    def read(self, feed, stream, name, *, at, growing, form="auto", from_start=False) -> int:
        assert not from_start, "this sink reads no tables"
        for block in blocks(stream, offset=at, growing=growing):
            self.before(feed, block.end)
            for piece in block.pieces:
                if piece.error:
                    self.refused.append(QuarantinedInput(name, piece.place, piece.error, ""))
                    continue
                record = SourceChunk(block.data[piece.start : piece.end], name, form, piece.place)
                self.records.append((feed, record.data))
            self.sequences[feed] = at = block.end
        return at

    def store_indicators(self, items) -> IntelCounts:
        with self.lock:
            self.learned += items
        return IntelCounts(new=len(items))

    def texts(self) -> list[str]:
        return [text for one in self.lines for text in one.texts]

    def data(self) -> bytes:
        return b"".join(piece.data for _, _, piece in self.pieces)

    def get_checkpoint(self, key: str):
        return self.saved.get(key)

    def save_checkpoint(self, key: str, value) -> None:
        self.saved[key] = dict(value)

    def drop_checkpoint(self, key: str) -> None:
        self.saved.pop(key, None)

    def list_checkpoints(self, prefix: str = ""):
        return {key: value for key, value in self.saved.items() if key.startswith(prefix)}

    def report_health(
        self, error: str = "", lag: float | None = None, dropped: int = 0, *, key: str = ""
    ) -> None:
        if error:
            self.errors.append(error)
            self.standing[key] = error
        self.dropped += dropped

    def report_working(self, *keys: str) -> None:
        for key in keys:
            self.standing.pop(key, None)

    def report_only(self, prefix: str, keys) -> None:
        self.report_working(
            *(key for key in list(self.standing) if key.startswith(prefix) and key not in keys)
        )
