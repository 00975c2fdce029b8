"""Sort records by what became of them; rows that their tables do not take become entries of the quarantine."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nephoscope.ingest.logs.row_batch import MAX_RAW
from nephoscope.ingest.logs.secret_masking import mask_secrets
from nephoscope.lake.schema.coercion import to_json_text
from nephoscope.lake.writing.quarantine import QuarantineEntry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.row_batch import FastTables, LogBatch, PlacedRow
    from nephoscope.lake.schema.row_conversion import TableRows


class RecordOutcome(NamedTuple):
    """Counts of records by outcome: `whole` gave rows, `partly` rows and something bad, `aside` only that, `empty` told of nothing."""

    whole: int = 0
    partly: int = 0
    aside: int = 0
    empty: int = 0

    @property
    def records(self) -> int:
        """All of them."""
        return sum(self)


class RecordSorter:
    """Takes the rows of a batch, table by table.

    The first row of a record for one table and its first for another tell of the same: where both are left out they are one entry,
    which names both tables; so are the second ones, and so on. `faulty` are the records of which something is bad already.
    """

    def __init__(self, context: StreamContext, faulty: set[int]) -> None:
        self._context = context
        self._kept = set[int]()
        self._faulty = set(faulty)
        self._entries: dict[tuple[int, int], QuarantineEntry] = {}

    @property
    def entries(self) -> list[QuarantineEntry]:
        """Return what was left out, in the order in which it was found."""
        return list(self._entries.values())

    def compute_outcome(self, records: int) -> RecordOutcome:
        """Return what became of so many records."""
        kept, faulty, both = len(self._kept), len(self._faulty), len(self._kept & self._faulty)
        return RecordOutcome(kept - both, both, faulty - both, records - kept - faulty + both)

    def add_scanned_rows(self, ready: FastTables, table: str, arrow: pa.Table, rows: TableRows) -> None:
        """Rows of a fast format for a table, and those of them that it took."""
        owners = np.asarray(ready.owners, np.int64)
        left_out = np.zeros(len(owners), np.bool_)
        left_out[[place for place, _ in rows.bad]] = True
        self._kept.update((np.unique(owners[~left_out]) + ready.first).tolist())
        before: Counter[int] = Counter()
        for place, reason in rows.bad:
            owner = int(owners[place])
            key = (ready.first + owner, before[owner])
            entry = QuarantineEntry(
                self._context.source, ready.places[owner], reason, "", ready.format, table
            )
            self._mark_left_out(key, entry, partial(_read_row, arrow, place))
            before[owner] += 1

    def add_derived_rows(self, batch: LogBatch, table: str) -> None:
        """Rows of a table of which others were made that were kept."""
        self._kept.update(one.record for one in batch.rows.get(table, ()))
        for ready in batch.ready:
            if table in ready.tables:
                self._kept.update(ready.first + owner for owner in set(ready.owners))

    def add_unwanted_scanned_rows(self, ready: FastTables, table: str, arrow: pa.Table, reason: str) -> None:
        """Rows of a fast format that are not wanted, told behind all others: an entry for each record of which nothing is kept."""
        owners, firsts = np.unique(np.asarray(ready.owners, np.int64), return_index=True)
        for owner, place in zip(owners.tolist(), firsts.tolist(), strict=True):
            if ready.first + owner not in self._kept:
                entry = QuarantineEntry(
                    self._context.source, ready.places[owner], reason, "", ready.format, table
                )
                self._mark_left_out((ready.first + owner, 0), entry, partial(_read_row, arrow, place))

    def add_unwanted_rows(self, table: str, placed: Sequence[PlacedRow], reason: str) -> None:
        """Rows that are not wanted, as `add_unwanted_scanned_rows`."""
        firsts: dict[int, PlacedRow] = {}
        for one in placed:
            firsts.setdefault(one.record, one)
        for record, one in firsts.items():
            if record not in self._kept:
                entry = QuarantineEntry(self._context.source, one.place, reason, "", one.format, table)
                values = one.row.values if one.sent is None else one.sent
                self._mark_left_out((record, 0), entry, partial(dict, values))

    def add_rows(self, table: str, placed: Sequence[PlacedRow], bad: Sequence[tuple[int, str]]) -> None:
        """Rows for a table, and which of them it did not take and why."""
        left_out = {place for place, _ in bad}
        self._kept.update(one.record for place, one in enumerate(placed) if place not in left_out)
        before: Counter[int] = Counter()
        for place, reason in bad:
            one = placed[place]
            why = f"{reason} ({one.unfit})" if one.unfit else reason
            entry = QuarantineEntry(self._context.source, one.place, why, "", one.format, table)
            values = one.row.values if one.sent is None else one.sent
            self._mark_left_out((one.record, before[one.record]), entry, partial(dict, values))
            before[one.record] += 1

    def _mark_left_out(
        self, key: tuple[int, int], entry: QuarantineEntry, values: Callable[[], Mapping[str, object]]
    ) -> None:
        self._faulty.add(key[0])
        known = self._entries.get(key)
        if known is None:
            raw = mask_secrets(to_json_text(values())[:MAX_RAW])[:MAX_RAW]
            sender = self._context.sender
            resource = sender.key if sender is not None else ""
            self._entries[key] = replace(entry, reason=mask_secrets(entry.reason), raw=raw, resource=resource)
            return
        reason = (
            known.reason if entry.reason in known.reason else f"{known.reason}; {mask_secrets(entry.reason)}"
        )
        self._entries[key] = replace(known, reason=reason, others=(*known.others, entry.table))


def _read_row(arrow: pa.Table, place: int) -> Mapping[str, object]:
    found: Mapping[str, object] = arrow.slice(place, 1).to_pylist()[0]
    return found
