"""Row batch before conversion to storage types: rows with their records, and errors."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from nephoscope.ingest.logs.secret_masking import mask_secrets
from nephoscope.lake.writing.quarantine import RAW_BYTES, QuarantineEntry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from nephoscope.ingest.logs.log_format import LogRow, StreamContext

MAX_RAW = RAW_BYTES


class PlacedRow(NamedTuple):
    """A row with the record that it comes from, for what may still be wrong with it; `record` is its number in the batch.

    `sent` is the record as it came, where the row is not that itself, and `unfit` says what of it did not fit.
    """

    row: LogRow
    place: str
    format: str
    record: int = 0
    sent: Mapping[str, object] | None = None
    unfit: str = ""


class FastTables(NamedTuple):
    """Arrow tables that a fast format made of whole records: `owners` says of each row its record, counted from `first` on.

    `places` are those of the records.
    """

    format: str
    tables: Mapping[str, pa.Table]
    owners: Sequence[int]
    places: Sequence[str]
    first: int = 0


@dataclass(slots=True)
class LogBatch:
    """Rows of a block: rows by table, Arrow tables of fast formats, bad entries; `end` is where reading may be taken up.

    Of `records`, `empty` told of nothing (a flow log of a minute without flows): no row and nothing bad; `faulty` are the numbers of
    those of which something is bad, `recoded` were no UTF-8, `halves` had half of a surrogate pair. `sure` is the byte behind which
    nothing changes when more is appended to the source (-1 = not there), `text` whether that is lines. `whole`: it is of a file
    that is read as a whole, and `refused` whether of that nothing was read: it has no records then.
    """

    end: int
    records: int = 0
    empty: int = 0
    recoded: int = 0
    halves: int = 0
    sure: int = -1
    text: bool = False
    whole: bool = False
    refused: bool = False
    rows: dict[str, list[PlacedRow]] = field(default_factory=lambda: defaultdict(list))
    ready: list[FastTables] = field(default_factory=list)
    bad: list[QuarantineEntry] = field(default_factory=list)
    faulty: set[int] = field(default_factory=set)

    def add(self, other: LogBatch, outer: str = "") -> None:
        """Take another batch in, its records counted behind those that are here; their places begin with `outer`."""
        first = self.records
        before = f"{outer}, " if outer else ""
        for table, placed in other.rows.items():
            self.rows[table] += [
                one._replace(place=before + one.place, record=first + one.record) for one in placed
            ]
        for one in other.ready:
            places = [before + place for place in one.places]
            self.ready.append(one._replace(first=first + one.first, places=places))
        self.bad += [replace(one, place=before + one.place) for one in other.bad]
        self.faulty.update(first + number for number in other.faulty)
        self.records += other.records
        self.empty += other.empty
        self.recoded += other.recoded
        self.halves += other.halves


def join_place(place: str, path: str) -> str:
    """The place of a part of what stands at a place."""
    return f"{place}.{path}" if path else place


def quarantine_entry(
    context: StreamContext, place: str, reason: str, raw: bytes | str, form: str
) -> QuarantineEntry:
    """An entry of the quarantine, secrets masked."""
    text = raw[:MAX_RAW].decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else raw[:MAX_RAW]
    return QuarantineEntry(context.source, place, mask_secrets(reason), mask_secrets(text)[:MAX_RAW], form)
