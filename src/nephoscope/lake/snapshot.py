"""A Delta table at one version: its files, with the days and times of their rows."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
from deltalake import DeltaTable

from nephoscope.lake.columns import DAY, TIME
from nephoscope.lake.delta import LOG, opened

_SLACK = dt.timedelta(milliseconds=1)
"""By how much the statistics of other writers may cut a time."""


@dataclass(frozen=True, slots=True)
class File:
    """A Parquet file: `relative` to the table's folder; `first` and `last` bound the times of its rows where that is known."""

    path: Path
    relative: str
    day: dt.date
    size: int
    rows: int
    first: dt.datetime | None
    last: dt.datetime | None

    def may_have(self, since: dt.datetime | None, until: dt.datetime | None) -> bool:
        """Whether a row of it may lie between two times (both included, None = no bound)."""
        if since is not None and self.last is not None and self.last + _SLACK < since:
            return False
        return not (until is not None and self.first is not None and self.first > until)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a version."""

    version: int
    files: tuple[File, ...]


def snapshot_of(table: DeltaTable, path: Path) -> Snapshot:
    """The files of a handle's version."""
    found = pa.table(table.get_add_actions()).to_pylist()
    return Snapshot(table.version(), tuple(_file(path, action) for action in found))


def _file(path: Path, action: dict[str, Any]) -> File:
    relative = action["path"]
    low, high = (action.get(bound) or {} for bound in ("min", "max"))
    return File(
        path / unquote(relative),
        relative,
        action["partition"][DAY],
        action["size_bytes"],
        action["num_records"] or 0,
        low.get(TIME),
        high.get(TIME),
    )


class Snapshots:
    """The newest versions of tables, kept as long as no newer one is there; safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Path, Snapshot] = {}

    def newest(self, path: Path) -> Snapshot | None:
        """The table's newest version, None where there is no table."""
        with self._lock:
            known = self._known.get(path)
        if known is not None and not (path / LOG / f"{known.version + 1:020d}.json").exists():
            return known
        table = opened(path)
        if table is None:
            return None
        found = snapshot_of(table, path)
        with self._lock:
            held = self._known.get(path)
            if held is None or held.version < found.version:
                self._known[path] = found
            return self._known[path] if held is None or held.version <= found.version else found
