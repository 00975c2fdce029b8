"""What keeps tables in shape: small files joined, old days dropped, files that nobody needs deleted."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from nephoscope.lake import compaction
from nephoscope.lake.errors import LakeError
from nephoscope.lake.pins import held
from nephoscope.lake.store import Store, StoredTable
from nephoscope.lake.workspace import Workspace

LEAST_HOURS = 24


def compact(store: Store) -> int:
    """Join small files of all tables; how many files were joined."""
    return sum(compaction.compact(store.get(*one)) for one in store.existing())


def retain(store: Store, workspace: Callable[[str], Workspace], now: dt.datetime) -> int:
    """Drop the whole days that are older than a table's retention; how many files were dropped."""
    dropped = 0
    for name, table in store.existing():
        oldest = (now - dt.timedelta(days=workspace(name).kept(table))).date()
        dropped += _drop(store.get(name, table), oldest)
    return dropped


def _drop(stored: StoredTable, oldest: dt.date) -> int:
    while True:
        old = [file for file in stored.snapshot().files if file.day < oldest]
        if not old or stored.replace(old, None, change=True):
            return len(old)


def vacuum(store: Store, data: Path, hours: int) -> int:
    """Delete files that no version of the last hours and none that somebody has pinned uses; how many were deleted."""
    if hours < LEAST_HOURS:
        raise LakeError(f"readers may be at work: a vacuum keeps at least {LEAST_HOURS} hours, not {hours}")
    pinned: dict[tuple[str, str], set[int]] = defaultdict(set)
    for workspace, table, version in held(data):
        pinned[workspace, table].add(version)
    return sum(len(store.get(*one).vacuum(hours, sorted(pinned[one]))) for one in store.existing())
