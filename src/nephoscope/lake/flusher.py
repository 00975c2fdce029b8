"""From the spool into the tables: by whoever holds the lease, every few seconds, exactly once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from nephoscope.lake.disk import Disk
from nephoscope.lake.lease import Lease
from nephoscope.lake.ledger import Ledger
from nephoscope.lake.spool.frame import Frame
from nephoscope.lake.spool.segments import (
    Segment,
    close_orphan,
    folders,
    highest,
    orphaned,
    remove_orphan,
    segments,
)
from nephoscope.lake.store import Spooled, Store

BATCH_BYTES = 128 << 20
ROUND_SECONDS = 2.0
"""How long a round should take: rows that come in meanwhile wait for the next one."""
_TELLING = 1 << 20
"""Bytes of a batch from which on its time says something about speed."""


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a round did: segments and rows that went into tables, whether more is waiting, and the (workspace, table) written to."""

    segments: int
    rows: int
    more: bool
    tables: frozenset[tuple[str, str]] = frozenset()


class Flusher:
    """Flushes one data folder. A round is done by one thread at a time, and only while the lease is held."""

    def __init__(
        self,
        data: Path,
        store: Store,
        lease: Lease,
        ledger: Ledger,
        disk: Disk,
        damaged: Callable[[Segment, Frame], None],
    ) -> None:
        self._data, self._store, self._lease = data, store, lease
        self._ledger, self._disk, self._damaged = ledger, disk, damaged
        self._mutex = threading.Lock()
        self._speed = BATCH_BYTES / 16
        self._term = 0

    def round(self) -> Flushed | None:
        """Flush what waits, up to a batch; None where another holds the lease."""
        with self._mutex:
            term = self._lease.term()
            if not term:
                return None
            if term != self._term:
                self._store.forget()  # another may have written in the meantime
                self._store.mend()
                self._term = term
            return self._flush()

    def _flush(self) -> Flushed:
        self._adopt()
        began = time.perf_counter()
        batch, size, more = self._batch()
        spooled: dict[tuple[str, str], list[Spooled]] = defaultdict(list)
        sequences: dict[str, int] = {}
        for segment in batch:
            several = list(segment.frames())
            for producer, sequence in highest(several).items():
                sequences[producer] = max(sequence, sequences.get(producer, -1))
            for key, one in self._spooled(segment, several):
                spooled[key].append(one)
        rows = 0
        for key, parts in sorted(spooled.items()):
            rows += self._store.get(*key).append(parts)
            self._lease.term()
        if sequences:
            self._ledger.record(sequences)
        self._let_go(batch)
        self._measure(size, time.perf_counter() - began)
        return Flushed(len(batch), rows, more, frozenset(spooled))

    def _measure(self, size: int, seconds: float) -> None:
        """Learn how fast rounds are, so that the next one takes about as long as one should."""
        if size >= _TELLING:
            self._speed = (self._speed + size / max(seconds, 0.001)) / 2

    def _spooled(self, segment: Segment, several: list[Frame]) -> Iterator[tuple[tuple[str, str], Spooled]]:
        for frame in several:
            if not frame.intact:
                self._damaged(segment, frame)
                continue
            for part, rows in frame.tables():
                yield (part.workspace, part.table), Spooled(segment.writer, segment.number, rows)

    def _adopt(self) -> None:
        """Close what writers left that are gone."""
        for folder in folders(self._data):
            with orphaned(folder) as gone:
                if gone:
                    close_orphan(folder, self._disk)
                    remove_orphan(folder, self._disk)

    def _batch(self) -> tuple[list[Segment], int, bool]:
        """Closed segments of all writers, each writer's in order, as many as a round should take; their bytes; whether more wait.

        Writers take turns, so that none waits for all segments of another.
        """
        limit = min(BATCH_BYTES, self._speed * ROUND_SECONDS)
        waiting = [[one for one in segments(folder) if one.closed] for folder in folders(self._data)]
        turns = [one for turn in zip_longest(*waiting) for one in turn if one is not None]
        found: list[Segment] = []
        size = 0
        for segment in turns:
            if found and size >= limit:
                break
            found.append(segment)
            size += segment.path.stat().st_size
        return found, size, len(found) < len(turns)

    def _let_go(self, batch: list[Segment]) -> None:
        for segment in batch:
            self._disk.remove(segment.path)
        for folder in {segment.path.parent for segment in batch}:
            self._disk.sync_folder(folder)
