"""The newest published version, for a process that answers many: found again only where there is a newer one."""

from __future__ import annotations

import threading
from pathlib import Path

from nephoscope.lake.delta import LOG, opened
from nephoscope.posture.published.edition import Edition
from nephoscope.posture.published.publishing import published_path


class Shelf:
    """What was published in a data folder; safe for threads."""

    def __init__(self, data: Path) -> None:
        self._path = published_path(data)
        self._lock = threading.Lock()
        self._known: Edition | None = None

    def newest(self) -> Edition | None:
        """The newest edition, None where nothing was ever published; LakeError where the table cannot be read."""
        with self._lock:
            known = self._known
            if known is not None and not self._entry(known.version + 1).exists():
                return known
            table = opened(self._path)
            if table is None:
                return None
            self._known = Edition.of(table, self._path)
            return self._known

    def _entry(self, version: int) -> Path:
        return self._path / LOG / f"{version:020d}.json"
