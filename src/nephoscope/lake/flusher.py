"""From the spool into the tables: by whoever holds the lease, every few seconds, exactly once."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from nephoscope.lake.compaction import compact
from nephoscope.lake.disk import Disk
from nephoscope.lake.ledger import Held, Ledger
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

LEASE = "flush"
LEASE_SECONDS = 30.0
BATCH_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class Flushed:
    """What a round did: segments and rows that went into tables, and whether more is waiting."""

    segments: int
    rows: int
    more: bool


class Flusher:
    """Flushes one data folder. A round is done by one thread at a time, and only while the lease is held."""

    def __init__(
        self,
        data: Path,
        store: Store,
        ledger: Ledger,
        disk: Disk,
        damaged: Callable[[Segment, Frame], None],
        seconds: float = LEASE_SECONDS,
    ) -> None:
        self._data, self._store, self._ledger, self._disk = data, store, ledger, disk
        self._damaged = damaged
        self._seconds = seconds
        self._mutex = threading.Lock()
        self._held: Held | None = None

    def round(self) -> Flushed | None:
        """Flush what waits, up to a batch; None where another holds the lease."""
        with self._mutex:
            if not self._leased():
                return None
            return self._flush()

    def while_held(self, work: Callable[[Store], int]) -> int | None:
        """Do other work on the tables under the lease; None where another holds it."""
        with self._mutex:
            return work(self._store) if self._leased() else None

    def release(self) -> None:
        """Give up the lease."""
        with self._mutex:
            if self._held is not None:
                self._held.release()
                self._held = None

    def _leased(self) -> bool:
        if self._held is not None and self._held.renew():
            return True
        self._store.forget()
        self._held = self._ledger.lease(LEASE, self._seconds)
        return self._held is not None

    def _flush(self) -> Flushed:
        self._adopt()
        batch, more = self._batch()
        spooled: dict[tuple[str, str], list[Spooled]] = defaultdict(list)
        sequences: dict[str, int] = {}
        for segment in batch:
            several = list(segment.frames())
            for producer, sequence in highest(several).items():
                sequences[producer] = max(sequence, sequences.get(producer, -1))
            for key, one in self._spooled(segment, several):
                spooled[key].append(one)
        rows = 0
        for (workspace, name), parts in sorted(spooled.items()):
            stored = self._store.get(workspace, name)
            rows += stored.append(parts)
            compact(stored)
            self._renewed()
        if sequences:
            self._ledger.record(sequences)
        self._let_go(batch)
        return Flushed(len(batch), rows, more)

    def _renewed(self) -> None:
        """Hold the lease on; that another has taken it harms nothing, since every commit checks for itself."""
        if self._held is not None:
            self._held.renew()

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

    def _batch(self) -> tuple[list[Segment], bool]:
        """Closed segments of all writers, each writer's in their order, up to a batch of bytes."""
        found: list[Segment] = []
        size, more = 0, False
        for folder in folders(self._data):
            for segment in segments(folder):
                if not segment.closed:
                    continue
                if found and size >= BATCH_BYTES:
                    more = True
                    break
                found.append(segment)
                size += segment.path.stat().st_size
        return found, more

    def _let_go(self, batch: list[Segment]) -> None:
        for segment in batch:
            self._disk.remove(segment.path)
        for folder in {segment.path.parent for segment in batch}:
            self._disk.sync_folder(folder)
