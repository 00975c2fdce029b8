"""Shared engine: one query engine for several aggregates, since opening one costs more than merging a few groups."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryEngine, open_engine
from nephoscope.lake.storage.recent_rows import RecentRows


@dataclass(slots=True)
class _IdleEngine:
    """The engine of one thread that this process used last: the next evaluation of the folder goes on with it. Safe for threads."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _folder: Path | None = None
    _engine: QueryEngine | None = None

    def swap(self, folder: Path | None, engine: QueryEngine | None) -> tuple[Path | None, QueryEngine | None]:
        """Put an engine of a folder in, and take out what was there."""
        with self._lock:
            before = self._folder, self._engine
            self._folder, self._engine = folder, engine
        return before

    def pop(self, folder: Path) -> QueryEngine | None:
        """Take the engine of a folder out; None where there is none."""
        with self._lock:
            if self._folder != folder:
                return None
            engine, self._folder, self._engine = self._engine, None, None
        return engine


_idle = _IdleEngine()


class SharedEngine:
    """An engine that stays open until `close`, for one thread; it can read the files in a folder and no others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._engine: QueryEngine | None = None
        self._threads = 0
        self.recent = RecentRows()

    @contextmanager
    def borrow_engine(self, threads: int) -> Iterator[QueryEngine]:
        """Lend an engine with at least so many threads (0 = its share); after an error it is closed."""
        engine = self._engine
        if engine is None or self._threads not in (0, threads):
            engine = self._open_engine(threads)
        try:
            yield engine
        except BaseException:
            self._discard_engine()
            raise

    def _open_engine(self, threads: int) -> QueryEngine:
        self._discard_engine()
        found = _idle.pop(self._folder) if threads == 1 else None
        self._threads = threads
        self._engine = found or open_engine(EngineRows(folders=[self._folder]), EngineLimits(threads=threads))
        return self._engine

    def _discard_engine(self) -> None:
        engine, self._engine, self.recent = self._engine, None, RecentRows()
        if engine is not None:
            engine.close()

    def close(self) -> None:
        """Let go of the engine; one of one thread stays open for the next evaluation of the folder in this process."""
        if self._engine is not None and self._threads == 1:
            self.recent.drop(self._engine)
            engine, self._engine = self._engine, None
            _, before = _idle.swap(self._folder, engine)
            if before is not None:
                before.close()
        self._discard_engine()

    def __enter__(self) -> SharedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
