"""Shared engine: one query engine for several aggregates, since opening one costs more than merging a few groups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nephoscope.lake.query_engine import EngineLimits, EngineRows, QueryEngine, open_engine


class SharedEngine:
    """An engine that stays open until `close`, for one thread; it is opened anew where it may not read what is asked for.

    `readable` lists the files that are likely to be asked for next, so that this seldom happens.
    """

    def __init__(self, readable: Callable[[], Iterable[Path]] = tuple) -> None:
        self._readable = readable
        self._engine: QueryEngine | None = None
        self._threads = 0
        self._allowed: frozenset[Path] = frozenset()

    @contextmanager
    def lend_engine(self, paths: Collection[Path], threads: int) -> Iterator[QueryEngine]:
        """Lend an engine that may read these files with at least so many threads (0 = its share); after an error it is closed."""
        engine = self._engine
        enough = self._threads in (0, threads)
        if engine is None or not enough or not self._allowed.issuperset(paths):
            engine = self._open(paths, threads)
        try:
            yield engine
        except BaseException:
            self.close()
            raise

    def _open(self, paths: Collection[Path], threads: int) -> QueryEngine:
        self.close()
        self._allowed, self._threads = frozenset([*paths, *self._readable()]), threads
        self._engine = open_engine(EngineRows(readable=sorted(self._allowed)), EngineLimits(threads=threads))
        return self._engine

    def close(self) -> None:
        """Close the engine; the next one to ask opens another."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.close()

    def __enter__(self) -> SharedEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
