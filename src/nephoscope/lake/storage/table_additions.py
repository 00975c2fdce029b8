"""Table additions between two versions: event and arrival times, without reading the table."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nephoscope.lake.schema.column_types import INGESTED, TIME
from nephoscope.lake.storage.delta_table import LOG
from nephoscope.lake.storage.snapshot import TableSnapshot, read_time_bounds
from nephoscope.lake.storage.table_store import get_table_path

GRAIN = dt.timedelta(minutes=5)
"""In which steps the times of rows are told."""
MINUTE = dt.timedelta(minutes=1)
SLACK = dt.timedelta(hours=1)
"""Where the log of a table does not reach back: how long a row may have been on its way into the table."""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class AddedRows:
    """Rows that were added: the times at which they happened, in steps of GRAIN, and those at which they came, in minutes."""

    happened: frozenset[dt.datetime] = frozenset()
    came: frozenset[dt.datetime] = frozenset()

    def __or__(self, other: AddedRows) -> AddedRows:
        return AddedRows(self.happened | other.happened, self.came | other.came)


@dataclass(slots=True)
class Additions:
    """Rows added to tables (`workspace/table`); every version is looked at once. Joining files adds nothing."""

    data: Path
    _known: dict[tuple[str, int], AddedRows] = field(default_factory=dict)

    def read_rows_added_between(
        self, table: str, after: int, snapshot: TableSnapshot, looked: dt.datetime | None, oldest: dt.datetime
    ) -> AddedRows:
        """The rows of the versions behind `after` (-1 = from the beginning) up to the snapshot's that happened since `oldest`.

        `looked` is when `after` was the newest. Where the log does not say any more what those versions added, it is asked of the
        newest files which rows came since then.
        """
        found = AddedRows()
        for version in range(after + 1, snapshot.version + 1):
            one = self._find_rows_added_by(table, version)
            if one is None:
                return _find_rows_since(snapshot, None if looked is None else looked - SLACK, oldest)
            found |= one
        return AddedRows(frozenset(time for time in found.happened if time >= oldest - GRAIN), found.came)

    def _find_rows_added_by(self, table: str, version: int) -> AddedRows | None:
        """Return what a version added; None where its entry of the log or a file of it is gone."""
        key = table, version
        if key not in self._known:
            folder = get_table_path(self.data, *table.split("/", 1))
            try:
                entry = (folder / LOG / f"{version:020d}.json").read_bytes()
                self._known[key] = _read_times(folder / unquote(path) for path in _read_paths(entry))
            except FileNotFoundError:
                return None
        return self._known[key]


def _read_paths(entry: bytes) -> Iterator[str]:
    """The files that an entry of the log adds rows with; those that only hold rows of other files in a new order add none."""
    for line in entry.splitlines():
        action: dict[str, object] = json.loads(line).get("add") or {}
        if action.get("dataChange"):
            yield str(action["path"])


def _read_times(paths: Iterator[Path] | list[Path], since: dt.datetime | None = None) -> AddedRows:
    found = AddedRows()
    for path in paths:
        with pq.ParquetFile(path) as file:
            names = [name for name in (TIME, INGESTED) if name in file.schema_arrow.names]
            rows = file.read(names)
        if since is not None and INGESTED in names:
            rows = rows.filter(pc.greater_equal(rows.column(INGESTED), pa.scalar(since)))
        came_ = _list_steps(rows.column(INGESTED), MINUTE) if INGESTED in names else frozenset[dt.datetime]()
        found |= AddedRows(_list_steps(rows.column(TIME), GRAIN), came_)
    return found


def _list_steps(times: pa.ChunkedArray, step: dt.timedelta) -> frozenset[dt.datetime]:
    """The distinct times, rounded down."""
    size = step // dt.timedelta(microseconds=1)
    ticks = times.drop_null().cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    steps = pc.unique(pc.divide(ticks, size)).to_pylist()
    return frozenset(_EPOCH + one * step for one in steps)


def _find_rows_since(snapshot: TableSnapshot, since: dt.datetime | None, oldest: dt.datetime) -> AddedRows:
    """The rows of the newest files that came since a time (None = whenever)."""
    files = [file.path for file in snapshot.files if file.may_have(oldest, None)]
    if since is not None:
        files = [path for path in files if (times := read_time_bounds(path)) is None or times[1] >= since]
    return _read_times(files, since)
