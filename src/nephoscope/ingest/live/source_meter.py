"""Source meter: events of a source since its health was last written."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from nephoscope.state.ingestion.source_errors import KEPT


@dataclass(slots=True)
class SourceReport:
    """Report of a source on itself: errors by the part that fails, parts that worked, the lag (None = nothing said), messages lost,
    appends that found the lake full; `more` are errors beyond those that are kept."""

    errors: dict[str, str] = field(default_factory=dict)
    worked: set[str] = field(default_factory=set)
    more: int = 0
    lag: float | None = None
    dropped: int = 0
    full: int = 0


class SourceMeter:
    """Collector of what one source reports; safe for many threads. `drain` returns the report and starts a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[str, set[str]] = {}
        self._told = SourceReport()

    def record_columns(self, tables: Mapping[str, Set[str]]) -> None:
        """Rows of tables were acknowledged that had values under these names."""
        with self._lock:
            for name, found in tables.items():
                self._tables.setdefault(name, set()).update(found)

    def report_health(
        self, error: str = "", lag: float | None = None, dropped: int = 0, full: int = 0, *, key: str = ""
    ) -> None:
        """Keep what the source says of itself; an error is that of the part `key`."""
        with self._lock:
            if error and (key in self._told.errors or len(self._told.errors) < KEPT):
                self._told.errors[key] = error
                self._told.worked.discard(key)
            elif error:
                self._told.more += 1
            self._told.lag = self._told.lag if lag is None else lag
            self._told.dropped += dropped
            self._told.full += full

    def report_working(self, *keys: str) -> None:
        """Record that parts work and clear their errors."""
        with self._lock:
            for key in keys:
                self._told.errors.pop(key, None)
            self._told.worked.update(keys)

    def drain(self) -> tuple[dict[str, set[str]], SourceReport]:
        """The tables that brought rows, with the names that any row had filled, and what was said, since the last time."""
        with self._lock:
            tables, report = self._tables, self._told
            self._tables, self._told = {}, SourceReport()
            return tables, report
