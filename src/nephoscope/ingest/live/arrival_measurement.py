"""Arrival measurement: health totals and filled columns of an append, computed before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from nephoscope.lake.schema.column_types import STANDARD, TIME
from nephoscope.lake.writing.quarantine import QUARANTINE, QuarantineEntry
from nephoscope.state.ingestion.ingest_stats import Arrival

if TYPE_CHECKING:
    from nephoscope.lake.schema.table import LakeTable

#: Rows of a batch whose filled columns are looked at, and those whose bag is read.
_LOOKED_AT, _BAGS = 2000, 200


def measure_arrivals(
    tables: Mapping[str, pa.Table], bad: Iterable[QuarantineEntry], now: datetime, untimed: Mapping[str, int]
) -> tuple[Arrival, ...]:
    """The arrivals of rows by table and of what was bad, which counts for every table that it was meant for.

    `untimed` rows of some tables have the time of ingestion.
    """
    refused = Counter(name or QUARANTINE for one in bad for name in (one.table, *one.others))
    full = {name: rows for name, rows in tables.items() if rows.num_rows}
    return tuple(
        _measure_arrival(name, full[name], refused[name], now, untimed.get(name, 0))
        if name in full
        else Arrival(name, 0, refused[name])
        for name in sorted({*full, *refused})
    )


def _measure_arrival(name: str, rows: pa.Table, bad: int, now: datetime, untimed: int) -> Arrival:
    times = rows.column(TIME)
    seconds = pc.divide(pc.cast(pc.subtract(pa.scalar(now, times.type), times), pa.int64()), 1e6)
    untimed = min(untimed, rows.num_rows)
    timed = rows.num_rows - untimed
    delay = float(pc.sum(seconds).as_py() or 0.0) / timed if timed else 0.0
    return Arrival(name, rows.num_rows, bad, rows.nbytes, pc.max(times).as_py(), delay, untimed)


def find_filled_columns(table: LakeTable, rows: pa.Table) -> set[str]:
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
