"""What a data folder needs once a day: old days and unused files go, and producers of which nothing can come any more."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nephoscope.lake.store import LAKE
from nephoscope.lake.upkeep import LEAST_HOURS

if TYPE_CHECKING:
    from nephoscope.lake.disk import Disk
    from nephoscope.lake.ledger import Ledger
    from nephoscope.lake.upkeep import Upkeep
    from nephoscope.lake.watchlists import Watchlists

TIDY_AFTER = 86_400.0
"""Seconds without such a look after which a process looks before it ends."""


@dataclass(frozen=True, slots=True)
class Tidying:
    """Tidies one data folder; a file's time says when that was done last."""

    data: Path
    upkeep: Upkeep
    ledger: Ledger
    watchlists: Watchlists
    disk: Disk

    @property
    def due(self) -> bool:
        """Whether no process has tidied for so long: those that only run for a while do it then when they end."""
        return time.time() - self._marker().stat().st_mtime > TIDY_AFTER

    def tidy(self) -> None:
        """Tidy, where no other process has the lease, and note it."""
        marker, now = self._marker(), dt.datetime.now(dt.UTC)
        if self.upkeep.retain(now) is None:
            return
        self.upkeep.vacuum(LEAST_HOURS)
        self.ledger.prune()
        self.watchlists.tidy(now - dt.timedelta(hours=LEAST_HOURS))
        marker.touch()

    def _marker(self) -> Path:
        marker = self.data / LAKE / ".tidied"
        if not marker.exists():
            self.disk.make_folders(marker.parent)
            marker.touch()
        return marker
