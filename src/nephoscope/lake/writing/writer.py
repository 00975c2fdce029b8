"""Rows into the spool: an append is there for good when it returns, and each is there once."""

from __future__ import annotations

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from nephoscope.lake.dictionary_rows import has_stored_types
from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError, NoRoomError, ProducerOvertakenError, SpoolFullError
from nephoscope.lake.schema.column_types import INGESTED, TENANT, TIME, TYPE
from nephoscope.lake.schema.tables import Tables
from nephoscope.lake.spool.append_frame import encode_frame
from nephoscope.lake.spool.producer_claims import Claim, Claims
from nephoscope.lake.spool.segments import Sequences, compute_spool_size
from nephoscope.lake.spool.spool_writer import OwnSpool
from nephoscope.lake.writing.lake_ledger import WriterLedger
from nephoscope.lake.writing.quarantine import QUARANTINE, QuarantineEntry, make_quarantine_rows
from nephoscope.state.ingestion.ingest_stats import Arrivals
from nephoscope.state.workspaces.workspace import Workspace

SPOOL_LIMIT = 8 << 30
"""How many bytes may wait in the spools of a data folder."""
RESERVE = 64 << 20
"""How many bytes of the disk are left for what empties the spool."""
_REMEMBERED = 20_000
#: Columns that rows have in any case; others may be left out where no row has a value.
_MADE = frozenset({TIME, TENANT, TYPE, INGESTED})
_MEASURED_EVERY = 8 << 20


class Portion(NamedTuple):
    """Rows for one workspace by table name, as rows.to_arrow_rows() or rows.complete() gives them, and what was bad."""

    workspace: str
    tables: Mapping[str, pa.Table]
    bad: Sequence[QuarantineEntry] = ()


class Writer:
    """Appends rows; safe for threads, whose appends share one fsync.

    A producer's appends come one after another, whichever processes make them, and each knows of all before it.
    """

    def __init__(
        self,
        data: Path,
        *,
        disk: Disk,
        ledger: WriterLedger,
        tables: Callable[[], Tables],
        workspace: Callable[[str], Workspace],
        limit: int = SPOOL_LIMIT,
        reserve: int = RESERVE,
    ) -> None:
        self._data, self._disk, self._ledger = data, disk, ledger
        self._tables, self._workspace = tables, workspace
        self._limit, self._reserve = limit, reserve
        self._spool = OwnSpool(data, disk)
        self._sequences = Sequences(data, disk, self._spool.folder)
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._claims = Claims(data, disk)
        self._acknowledged: OrderedDict[str, tuple[int, bytes]] = OrderedDict()
        self._waiting, self._since = 0, _MEASURED_EVERY

    @property
    def id(self) -> str:
        """The id of this writer: the name of its spool."""
        return self._spool.folder.name

    def append(
        self,
        workspace: str,
        tables: Mapping[str, pa.Table],
        *,
        bad: Sequence[QuarantineEntry] = (),
        producer: str,
        sequence: int | None = None,
        after: int | None = None,
        arrivals: Arrivals | None = None,
    ) -> bool:
        """Take rows by table name and what was bad; everything else as for `append_all`."""
        one = Portion(workspace, tables, bad)
        return self.append_all([one], producer=producer, sequence=sequence, after=after, arrivals=arrivals)

    def append_all(
        self,
        portions: Sequence[Portion],
        *,
        producer: str,
        sequence: int | None = None,
        after: int | None = None,
        arrivals: Arrivals | None = None,
    ) -> bool:
        """Take the rows of several workspaces, all or none; returns after the fsync.

        Where the sequence is not above the producer's last nothing is done, and the answer is False: a sequence names what is
        appended. None is the number after the last, for rows that nothing numbers. ProducerOvertakenError where the last is
        not the one that
        this comes `after`. `arrivals` are counted once, when the rows go into their tables. SpoolFullError: nothing was taken.
        LakeError where a table is unknown or its rows are in other types.
        """
        with self._claims.hold(producer) as claim:
            last = self._recall_sequence(producer, claim)
            if after is not None and last != after:
                raise ProducerOvertakenError(
                    f"another process appends as {producer}: the last sequence is {last}, this process expected {after}"
                )
            number = last + 1 if sequence is None else sequence
            if number <= last:
                return False
            rows = [one for portion in portions for one in self._list_rows(*portion)]
            mark = claim.claim_producer()
            if rows:
                frame = encode_frame(producer, number, rows, arrivals)
                self._make_room(len(frame))
                self._spool.sync(self._spool.write(frame, producer, number))
                self._since += len(frame)
            else:
                self._ledger.record({producer: number})
            self._remember_sequence(producer, number, mark)
            return True

    def last(self, producer: str) -> int:
        """The last acknowledged sequence of a producer, -1 where there is none; also what other processes took from it."""
        with self._claims.hold(producer) as claim:
            return self._recall_sequence(producer, claim)

    def close_segment(self, older_than: float = 0.0) -> bool:
        """Let the flusher have what was appended, where the segment is open for so many seconds; whether there was something."""
        return self._spool.close_segment(older_than)

    def close(self) -> None:
        """Stop: what was appended is safe, and whoever flushes next takes it over."""
        self._spool.stop()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recall_sequence(self, producer: str, claim: Claim) -> int:
        """Return what this writer remembers, where no other appended since it did."""
        mark = claim.mark
        with self._lock:
            found = self._acknowledged.get(producer)
        if found is not None and found[1] == mark:
            return found[0]
        last = self._read_last_sequence(producer)
        if mark is not None:
            self._remember_sequence(producer, last, mark)
        return last

    def _read_last_sequence(self, producer: str) -> int:
        """From the open segment, then the closed ones, then the state: rows go that way, and each is noted before it goes on."""
        own = self._spool.last(producer)
        with self._reading:
            spooled = self._sequences.last(producer)
        return max(own, spooled, self._ledger.last(producer))

    def _remember_sequence(self, producer: str, sequence: int, mark: bytes) -> None:
        with self._lock:
            self._acknowledged[producer] = sequence, mark
            self._acknowledged.move_to_end(producer)
            while len(self._acknowledged) > _REMEMBERED:
                self._acknowledged.popitem(last=False)

    def _list_rows(
        self, workspace: str, tables: Mapping[str, pa.Table], bad: Sequence[QuarantineEntry]
    ) -> list[tuple[str, str, pa.Table]]:
        known = self._tables()
        place = self._workspace(workspace)
        for name, rows in tables.items():
            if not place.accepts_table(name):
                raise LakeError(place.refusal(name))
            if not has_stored_types(rows.schema, known[name].schema) or not _MADE.issubset(rows.column_names):
                raise LakeError(
                    f"rows of {name} are not in its columns and types: rows.to_arrow_rows() makes them so"
                )
        found = [(workspace, name, rows) for name, rows in tables.items() if rows.num_rows]
        if bad:
            rows = make_quarantine_rows(known[QUARANTINE], bad, place, dt.datetime.now(dt.UTC))
            found.append((workspace, QUARANTINE, rows))
        return found

    def _make_room(self, wanted: int) -> None:
        """SpoolFullError where the limit or the disk would not take so many bytes."""
        with self._lock:
            if self._since >= _MEASURED_EVERY or self._waiting + self._since + wanted > self._limit:
                self._waiting, self._since = compute_spool_size(self._data), 0
            if self._waiting + self._since + wanted > self._limit:
                raise SpoolFullError(f"the spool is full (limit {self._limit >> 20} MiB): try again later")
        free = self._disk.free(self._data)
        if free < wanted + self._reserve:
            raise NoRoomError(
                f"the disk has {free >> 20} MiB left, and {self._reserve >> 20} MiB are reserved: free disk space, then try again"
            )
