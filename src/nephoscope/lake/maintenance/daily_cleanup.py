"""Daily cleanup: drop old days, unused files and finished producers."""

from __future__ import annotations

import datetime as dt
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.lake.errors import LakeError
from nephoscope.lake.maintenance.table_maintenance import LEAST_HOURS
from nephoscope.lake.storage.table_store import LAKE

if TYPE_CHECKING:
    from nephoscope.lake.durable_files import Disk
    from nephoscope.lake.maintenance.table_maintenance import TableMaintenance
    from nephoscope.lake.queries.watchlist_files import Watchlists
    from nephoscope.lake.writing.lake_ledger import WriterLedger

TIDY_AFTER = 86_400.0
"""Seconds without such a look after which a process looks before it ends."""

#: The time of the file where it is to be done now.
_NOW = 0.0
_LOOK = 0.25


@dataclass(frozen=True, slots=True)
class DailyMaintenance:
    """Tidies one data folder; a file's time says when that was done last."""

    data: Path
    upkeep: TableMaintenance
    ledger: WriterLedger
    watchlists: Watchlists
    disk: Disk

    @property
    def due(self) -> bool:
        """Return whether no process has tidied for so long: those that only run for a while do it then when they end."""
        return time.time() - self._build_marker_path().stat().st_mtime > TIDY_AFTER

    @property
    def is_requested(self) -> bool:
        """Return whether some process wants it done now: one that has not the lease can only ask."""
        marker = self.data / LAKE / ".tidied"
        return marker.exists() and marker.stat().st_mtime == _NOW

    def now(self, timeout: float) -> None:
        """Tidy, or let the process that has the lease do it and wait; LakeError where that takes longer than `timeout` seconds."""
        until = time.monotonic() + timeout
        while not self.tidy():
            if not self.is_requested:
                os.utime(self._build_marker_path(), (_NOW, _NOW))
            time.sleep(_LOOK)
            if not self.is_requested:
                return
            if time.monotonic() > until:
                raise LakeError(
                    f"the maintenance process did not finish within {timeout:.0f} s: see `doctor`"
                )

    def tidy(self) -> bool:
        """Tidy and note it; False where another process has the lease."""
        marker, now = self._build_marker_path(), dt.datetime.now(dt.UTC)
        if self.upkeep.retain(now) is None:
            return False
        self.upkeep.vacuum(LEAST_HOURS)
        self.ledger.prune()
        self.watchlists.tidy(now - dt.timedelta(hours=LEAST_HOURS))
        marker.touch()
        return True

    def _build_marker_path(self) -> Path:
        marker = self.data / LAKE / ".tidied"
        if not marker.exists():
            self.disk.make_folders(marker.parent)
            marker.touch()
        return marker
