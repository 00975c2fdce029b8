"""From the spool into the tables: by whoever holds the lease, every few seconds, exactly once."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError
from nephoscope.lake.spool.append_frame import SpoolFrame
from nephoscope.lake.spool.segments import (
    Segment,
    close_orphan,
    find_highest_sequences,
    hold_orphan,
    list_folders,
    list_segments,
    remove_orphan,
)
from nephoscope.lake.storage.table_store import SpooledRows, Store
from nephoscope.lake.writing.lease import WriterLease
from nephoscope.lake.writing.memory_release import trim_memory
from nephoscope.state.ingestion.ingest_stats import Arrivals, sum_by_hour

BATCH_BYTES = 128 << 20
ROUND_SECONDS = 2.0
"""How long a round should take: rows that come in meanwhile wait for the next one."""
AGAIN_SECONDS = 30.0
"""Seconds until a table that did not take rows is tried again."""
_TELLING = 1 << 20
"""Bytes of a batch from which on its time says something about speed."""


@dataclass(frozen=True, slots=True)
class FlushResult:
    """Result of a flush: segments and rows that went into tables, whether more is waiting, and the (workspace, table) written to.

    `failure` is what a table said that does not take rows: they wait in the spool.
    """

    segments: int
    rows: int
    more: bool
    tables: frozenset[tuple[str, str]] = frozenset()
    failure: LakeError | None = None


class BlockedTables:
    """Tables that do not take rows (refused, unreadable), and the segments that wait for them while others go on.

    A table is tried again after a while, with all its segments in their order: none may come before an older one.
    """

    def __init__(self) -> None:
        self.tables: dict[tuple[str, str], LakeError] = {}
        self.segments: set[Path] = set()
        self._again = 0.0

    def due(self) -> bool:
        """Return whether it is time to try again what waits; then nothing is blocked until it fails."""
        if not self.segments or (self.tables and time.monotonic() < self._again):
            return False
        self.tables.clear()
        return True

    def is_blocked(self, table: tuple[str, str]) -> bool:
        """Return whether a table is not to be tried now."""
        return table in self.tables

    def block(self, table: tuple[str, str], error: LakeError) -> None:
        """A table did not take rows."""
        if table not in self.tables:
            self.tables[table] = error
            self._again = time.monotonic() + AGAIN_SECONDS

    def keep(self, segments: Iterable[Segment]) -> None:
        """The segments of a round that have to wait; those that waited and were tried are told anew."""
        if not self.tables:
            self.segments.clear()
        self.segments.update(segment.path for segment in segments)


class Flusher:
    """Flushes one data folder. A round is done by one thread at a time, and only while the lease is held."""

    def __init__(
        self,
        data: Path,
        store: Store,
        lease: WriterLease,
        disk: Disk,
        damaged: Callable[[Segment, SpoolFrame], None],
    ) -> None:
        self._data, self._store, self._lease = data, store, lease
        self._disk, self._damaged = disk, damaged
        self._mutex = threading.Lock()
        self._speed = BATCH_BYTES / 16
        self._term = 0
        self._blocked = BlockedTables()

    def flush_batch(self) -> FlushResult | None:
        """Flush what waits, up to a batch; None where another holds the lease."""
        with self._mutex:
            term = self._lease.acquire_term()
            if not term:
                return None
            if term != self._term:
                self._store.forget()  # another may have written in the meantime
                self._store.repair()
                self._blocked = BlockedTables()
                self._term = term
            return self._flush_segments()

    def _flush_segments(self) -> FlushResult | None:
        self._adopt_segments()
        began = time.perf_counter()
        waiting = [
            [one for one in list_segments(folder) if one.closed] for folder in list_folders(self._data)
        ]
        batch, size, more = self._select_batch(waiting)
        spooled: dict[tuple[str, str], list[SpooledRows]] = defaultdict(list)
        notes: dict[Path, _Notes] = {}
        for segment in batch:
            several = list(segment.frames())
            notes[segment.path] = _summarize_segments(several)
            for key, one in self._read_spooled_frames(segment, several):
                spooled[key].append(one)
        rows, kept = self._append_rows(spooled)
        done = [segment for segment in batch if (segment.writer, segment.number) not in kept]
        if done and not self._settle_segments(done, notes, waiting):
            return None
        self._release_segments(done)
        self._blocked.keep([segment for segment in batch if segment not in done])
        self._measure_rate(size, time.perf_counter() - began)
        if rows:
            trim_memory()
        failure = next(iter(self._blocked.tables.values()), None)
        return FlushResult(len(done), rows, more, frozenset(spooled.keys() - self._blocked.tables), failure)

    def _settle_segments(
        self, done: Sequence[Segment], notes: Mapping[Path, _Notes], waiting: Sequence[Sequence[Segment]]
    ) -> bool:
        """Note in the state what segments held, before they are let go; False where another has the lease by now."""
        return self._lease.settle(
            _find_highest_sequences(notes[segment.path].sequences for segment in done),
            {_format_id(segment): found for segment in done if (found := notes[segment.path].arrivals)},
            {_format_id(segment) for several in waiting for segment in several},
        )

    def _append_rows(
        self, spooled: Mapping[tuple[str, str], list[SpooledRows]]
    ) -> tuple[int, set[tuple[str, int]]]:
        """Add rows to their tables: how many, and the (writer, segment) that have rows of tables which do not take them now."""
        rows, kept = 0, set()
        # those of few rows first: they need not wait for those of many
        for key, parts in sorted(
            spooled.items(), key=lambda one: (sum(part.count for part in one[1]), one[0])
        ):
            if not self._blocked.is_blocked(key):
                try:
                    rows += self._store.get(*key).append(parts)
                except LakeError as error:
                    self._blocked.block(key, error)
            if self._blocked.is_blocked(key):
                kept |= {(part.writer, part.number) for part in parts}
            self._lease.acquire_term()
        return rows, kept

    def _measure_rate(self, size: int, seconds: float) -> None:
        """Learn how fast rounds are, so that the next one takes about as long as one should."""
        if size >= _TELLING:
            self._speed = (self._speed + size / max(seconds, 0.001)) / 2

    def _read_spooled_frames(
        self, segment: Segment, several: list[SpoolFrame]
    ) -> Iterator[tuple[tuple[str, str], SpooledRows]]:
        for frame in several:
            if not frame.intact:
                self._damaged(segment, frame)
                continue
            for part, start in frame.parts():
                yield (
                    (part.workspace, part.table),
                    SpooledRows(segment.writer, segment.number, segment.path, start, part.size, part.rows),
                )

    def _adopt_segments(self) -> None:
        """Close what writers left that are gone."""
        for folder in list_folders(self._data):
            with hold_orphan(folder) as gone:
                if gone:
                    close_orphan(folder, self._disk)
                    remove_orphan(folder, self._disk)

    def _select_batch(self, waiting: Sequence[Sequence[Segment]]) -> tuple[list[Segment], int, bool]:
        """Closed segments of all writers, each writer's in order, as many as a round should take; their bytes; whether more wait.

        Writers take turns, so that none waits for all segments of another.
        """
        limit = min(BATCH_BYTES, self._speed * ROUND_SECONDS)
        turns = [one for turn in zip_longest(*waiting) for one in turn if one is not None]
        found = [one for one in turns if one.path in self._blocked.segments] if self._blocked.due() else []
        turns = [one for one in turns if one.path not in self._blocked.segments]
        size = 0
        for place, segment in enumerate(turns):
            if place and size >= limit:
                break
            found.append(segment)
            size += segment.path.stat().st_size
        return found, size, any(one not in found for one in turns)

    def _release_segments(self, batch: list[Segment]) -> None:
        for segment in batch:
            self._disk.remove(segment.path)
        for folder in {segment.path.parent for segment in batch}:
            self._disk.sync_folder(folder)


class _Notes(NamedTuple):
    """What a segment tells: how far each producer came, and what was brought of the frames that are whole."""

    sequences: dict[str, int]
    arrivals: list[Arrivals]


def _summarize_segments(several: Sequence[SpoolFrame]) -> _Notes:
    arrivals = [one.header.arrivals for one in several if one.intact and one.header.arrivals is not None]
    return _Notes(find_highest_sequences(several), sum_by_hour(arrivals))


def _format_id(segment: Segment) -> str:
    return f"{segment.writer}/{segment.number}"


def _find_highest_sequences(several: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in several:
        for producer, sequence in one.items():
            found[producer] = max(sequence, found.get(producer, -1))
    return found
