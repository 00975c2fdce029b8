"""Edition cache: the newest published snapshot of a server process."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import duckdb

from nephoscope.lake.errors import LakeError
from nephoscope.lake.storage.delta_table import LOG, open_table
from nephoscope.posture.published.published_snapshot import PublishedSnapshot
from nephoscope.posture.published.publishing import get_published_path

#: How many older editions stay open for those who go on with them.
OLDER = 2
_LOG = logging.getLogger("nephoscope.published")


class PublishedSnapshotCache:
    """Cache of the published snapshot of a data folder; safe for threads."""

    def __init__(self, data: Path) -> None:
        self._path = get_published_path(data)
        self._lock = threading.Lock()
        self._known: PublishedSnapshot | None = None
        self._ready: Callable[[PublishedSnapshot], object] | None = None
        self._coming: threading.Thread | None = None
        self._older: OrderedDict[int, PublishedSnapshot] = OrderedDict()

    def make_ready(self, ready: Callable[[PublishedSnapshot], object]) -> None:
        """Have `ready` make what is asked first of each newer edition; the one before it is the newest until that is done."""
        with self._lock:
            self._ready = ready

    def load_newest(self) -> PublishedSnapshot | None:
        """The newest edition, None where nothing was ever published; LakeError where the table cannot be read."""
        with self._lock:
            known = self._known
            if known is not None and (self._coming or not self._build_path(known.version + 1).exists()):
                return known
            table = open_table(self._path)
            if table is None:
                return None
            found = PublishedSnapshot.of(table, self._path)
            if known is None or self._ready is None:
                self._known = found
                return found
            arguments = (self._ready, found)
            self._coming = threading.Thread(
                target=self._prepare_snapshot, args=arguments, name="edition", daemon=True
            )
            self._coming.start()
            return known

    def load_version(self, version: int) -> PublishedSnapshot | None:
        """The edition of a version, None where it was never published or its files are kept no longer."""
        newest = self.load_newest()
        if newest is None or newest.version == version:
            return newest
        with self._lock:
            found = self._older.pop(version, None) or self._open_edition(version)
            if found is None or not all(
                path.exists() for several in found.files.values() for path in several
            ):
                return None
            self._older[version] = found
            while len(self._older) > OLDER:
                self._older.popitem(last=False)
            return found

    def _open_edition(self, version: int) -> PublishedSnapshot | None:
        if not self._build_path(version).exists():
            return None
        try:
            table = open_table(self._path, version)
        except LakeError as error:
            _LOG.info("the evaluation of version %d cannot be gone on with: %s", version, error)
            return None
        return PublishedSnapshot.of(table, self._path) if table is not None else None

    def settle(self) -> None:
        """Wait until the edition that is made ready is the newest."""
        coming = self._coming
        if coming is not None:
            coming.join()

    def _prepare_snapshot(
        self, ready: Callable[[PublishedSnapshot], object], snapshot: PublishedSnapshot
    ) -> None:
        try:
            ready(snapshot)
        except (LakeError, duckdb.Error) as error:  # whoever asks for it is told
            _LOG.warning("the newest evaluation is not made ready: %s", error)
        finally:
            with self._lock:
                self._known, self._coming = snapshot, None

    def _build_path(self, version: int) -> Path:
        return self._path / LOG / f"{version:020d}.json"
