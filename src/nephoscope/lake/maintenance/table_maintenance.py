"""Table maintenance under the lease: compact small files, drop old days, vacuum."""

from __future__ import annotations

import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from nephoscope.lake.errors import LakeError
from nephoscope.lake.maintenance import compaction
from nephoscope.lake.maintenance.compaction import MOST_SMALL
from nephoscope.lake.maintenance.table_inventory import compute_first_retained_day
from nephoscope.lake.storage.table_store import Store, StoredTable
from nephoscope.lake.storage.version_pins import list_held
from nephoscope.lake.writing.lease import WriterLease
from nephoscope.lake.writing.memory_release import trim_memory
from nephoscope.state.database.database import NotFoundError
from nephoscope.state.workspaces.workspace import Workspace

LEAST_HOURS = 24


class TableMaintenance:
    """The upkeep of one data folder; one piece of work at a time. Each method gives None where another process has the lease."""

    def __init__(
        self, data: Path, store: Store, lease: WriterLease, workspace: Callable[[str], Workspace]
    ) -> None:
        self._data, self._store, self._lease, self._workspace = data, store, lease, workspace
        self._mutex = threading.Lock()
        self._term = 0

    def compact(self, tables: Iterable[tuple[str, str]] | None = None, most: int = MOST_SMALL) -> int | None:
        """Join the small files of days that have more than `most`, of some tables or of all; how many files were joined."""
        return self._run_for_each_table(tables, lambda _, stored: compaction.compact_table(stored, most))

    def retain(self, now: dt.datetime) -> int | None:
        """Drop the whole days that are older than a table's retention; how many files were dropped.

        A table of a workspace that is no more has no retention: it stays as it is.
        """

        def drop(key: tuple[str, str], stored: StoredTable) -> int:
            workspace, table = key
            try:
                days = self._workspace(workspace).get_retention_days(table)
            except NotFoundError:
                return 0
            return _drop_old_rows(stored, compute_first_retained_day(now, days))

        return self._run_for_each_table(None, drop)

    def vacuum(self, hours: int) -> int | None:
        """Delete files that no version of the last hours (LakeError below 24) and none that somebody has pinned uses; how many."""
        if hours < LEAST_HOURS:
            raise LakeError(
                f"readers may be active: a vacuum keeps at least {LEAST_HOURS} hours, not {hours}"
            )
        pinned: dict[tuple[str, str], set[int]] = defaultdict(set)
        for workspace, table, version in list_held(self._data):
            pinned[workspace, table].add(version)
        return self._run_for_each_table(
            None, lambda key, stored: len(stored.vacuum(hours, sorted(pinned[key])))
        )

    def _run_for_each_table(
        self,
        tables: Iterable[tuple[str, str]] | None,
        work: Callable[[tuple[str, str], StoredTable], int],
    ) -> int | None:
        with self._mutex:
            term = self._lease.acquire_term()
            if not term:
                return None
            if term != self._term:
                self._store.forget()
                self._term = term
            done, failures = 0, []
            for key in sorted(tables) if tables is not None else list(self._store.iterate_tables()):
                try:
                    done += work(key, self._store.get(*key))
                except LakeError as error:
                    failures.append(error)  # the other tables are kept in shape all the same
                trim_memory()
                self._lease.acquire_term()
            if failures:
                raise failures[0]
            return done


def _drop_old_rows(stored: StoredTable, oldest: dt.date) -> int:
    old = [file for file in stored.snapshot().files if file.day < oldest]
    return len(old) if old and stored.replace(old, None, change=True) else 0
