"""What a source has brought since health was written last: counted in memory as rows are acknowledged, one table at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.lake.columns import STANDARD, TIME
from nephoscope.lake.quarantine import QUARANTINE, Bad
from nephoscope.lake.state.source_errors import KEPT

if TYPE_CHECKING:
    from nephoscope.lake.table import Table

#: Rows of a batch whose filled columns are looked at, and those whose bag is read.
_LOOKED_AT, _BAGS = 2000, 200


@dataclass(slots=True)
class Counted:
    """The sums of one table: `untimed` rows have the time of ingestion, `delayed` are the seconds of the others; `names` are the
    columns and members of the bag that any row had filled.
    """

    rows: int = 0
    bad: int = 0
    size: int = 0
    last_event: datetime | None = None
    delayed: float = 0.0
    names: set[str] = field(default_factory=set)
    untimed: int = 0

    @property
    def delay(self) -> float:
        """The mean seconds from event to arrival, of the rows that say when they were."""
        timed = self.rows - self.untimed
        return self.delayed / timed if timed else 0.0


@dataclass(slots=True)
class Told:
    """What a source said of itself: errors by the part that fails, parts that worked, the lag (None = nothing said), messages lost,
    appends that found the lake full; `more` are errors beyond those that are kept."""

    errors: dict[str, str] = field(default_factory=dict)
    worked: set[str] = field(default_factory=set)
    more: int = 0
    lag: float | None = None
    dropped: int = 0
    full: int = 0


class Meter:
    """Counts for one source; safe from many threads. `drain` gives what was counted and starts again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[str, Counted] = {}
        self._told = Told()

    def count(
        self,
        tables: Mapping[str, tuple[Table, pa.Table]],
        bad: Iterable[Bad],
        now: datetime,
        untimed: Mapping[str, int] | None = None,
    ) -> None:
        """Count what was acknowledged; `untimed` rows of some tables have the time of ingestion."""
        measured = {
            name: _measured(table, rows, now) for name, (table, rows) in tables.items() if rows.num_rows
        }
        with self._lock:
            for name, one in measured.items():
                one.untimed = min(one.rows, (untimed or {}).get(name, 0))
                _add(self._tables.setdefault(name, Counted()), one)
            for refused in bad:
                for name in (refused.table, *refused.others):
                    self._tables.setdefault(name or QUARANTINE, Counted()).bad += 1

    def add(self, table: str, rows: int, now: datetime) -> None:
        """Count rows that go another way into the lake than by this source's appends."""
        if rows:
            with self._lock:
                _add(self._tables.setdefault(table, Counted()), Counted(rows, last_event=now))

    def note(
        self, error: str = "", lag: float | None = None, dropped: int = 0, full: int = 0, *, key: str = ""
    ) -> None:
        """Keep what the source says of itself; an error is that of the part `key`."""
        with self._lock:
            if error and (key in self._told.errors or len(self._told.errors) < KEPT):
                self._told.errors[key] = error
                self._told.worked.discard(key)
            elif error:
                self._told.more += 1
            self._told.lag = self._told.lag if lag is None else lag
            self._told.dropped += dropped
            self._told.full += full

    def worked(self, *keys: str) -> None:
        """These parts work: their errors are over."""
        with self._lock:
            for key in keys:
                self._told.errors.pop(key, None)
            self._told.worked.update(keys)

    def drain(self) -> tuple[dict[str, Counted], Told]:
        """What was counted and said since the last time."""
        with self._lock:
            tables, told = self._tables, self._told
            self._tables, self._told = {}, Told()
            return tables, told


def _add(sum_: Counted, one: Counted) -> None:
    sum_.rows += one.rows
    sum_.size += one.size
    sum_.delayed += one.delayed
    sum_.untimed += one.untimed
    sum_.names |= one.names
    if one.last_event is not None:
        sum_.last_event = max(sum_.last_event or one.last_event, one.last_event)


def _measured(table: Table, rows: pa.Table, now: datetime) -> Counted:
    times = rows.column(TIME)
    seconds = pc.divide(pc.cast(pc.subtract(pa.scalar(now, times.type), times), pa.int64()), 1e6)
    return Counted(
        rows.num_rows,
        0,
        rows.nbytes,
        pc.max(times).as_py(),
        float(pc.sum(seconds).as_py() or 0.0),
        _filled(table, rows),
    )


def _filled(table: Table, rows: pa.Table) -> set[str]:
    """The names that some row has a value under."""
    some = rows.slice(0, _LOOKED_AT)
    found = {
        name for name in table.types
        if name not in STANDARD and name != table.bag and _has_value(some.column(name))
    }  # fmt: skip
    for text in rows.column(table.bag).slice(0, _BAGS).to_pylist() if table.bag in table.types else ():
        bag = msgspec.json.decode(text) if text else None
        if isinstance(bag, dict):
            found.update(f"{table.bag}.{name}" for name in bag)
    return found


def _has_value(column: pa.ChunkedArray) -> bool:
    if column.null_count == len(column):
        return False
    if pa.types.is_string(column.type):
        return bool(pc.any(pc.not_equal(column, "")).as_py())
    return True
