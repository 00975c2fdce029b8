"""Micro-batching: concurrent requests share one append, whose cost does not depend on the number of rows."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nephoscope.ingest.live.ingestion.record_transform import ShapedRecords
from nephoscope.ingest.live.live_source import RowOrigin, SourceSink
from nephoscope.ingest.source_failures import LakeBusyError
from nephoscope.model.resource_binding import ResourceBinding

#: Bytes of requests that one append takes, about.
_MOST = 8 << 20


class BatchTimeoutError(Exception):
    """No append began in time."""


@dataclass(slots=True)
class _BatchRequest:
    shaped: ShapedRecords
    size: int
    sender: ResourceBinding | None
    taken: bool = False
    done: bool = False
    error: Exception | None = None


@dataclass
class MicroBatcher:
    """Hands requests over to a sink. Safe for threads: `workers` of them append, the others' requests wait and go together."""

    sink: SourceSink
    workers: int = 2
    _turn: threading.Condition = field(default_factory=threading.Condition)
    _waiting: list[_BatchRequest] = field(default_factory=list)
    _feeds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._feeds = [f"requests-{number}" for number in range(self.workers)]

    def append_rows(
        self, shaped: ShapedRecords, size: int, patience: float, sender: ResourceBinding | None = None
    ) -> None:
        """Return when the rows are on disk; those of a bound sender go without others.

        BatchTimeoutError where no append began in so many seconds, or what the sink raises.
        """
        mine, until = _BatchRequest(shaped, size, sender), time.monotonic() + patience
        with self._turn:
            self._waiting.append(mine)
            while not mine.done and (mine.taken or not self._feeds):
                self._turn.wait(None if mine.taken else max(0.0, until - time.monotonic()))
                if not mine.taken and not self._feeds and time.monotonic() >= until:
                    self._waiting.remove(mine)
                    raise BatchTimeoutError
            several = [] if mine.done else self._pop_batch(mine)
            feed = self._feeds.pop() if several else ""
        if several:
            self._lead_batch(feed, several)
        if mine.error is not None:
            raise mine.error

    def _lead_batch(self, feed: str, several: Sequence[_BatchRequest]) -> None:
        try:
            self._append_batch(feed, several)
        finally:
            with self._turn:
                self._feeds.append(feed)
                for one in several:
                    one.done = True
                self._turn.notify_all()

    def _pop_batch(self, mine: _BatchRequest) -> list[_BatchRequest]:
        """The requests that go together: the one of the thread that appends, and others that wait, the oldest first."""
        size, several = mine.size, [mine]
        for one in self._waiting:
            if one is not mine and one.sender == mine.sender and size + one.size <= _MOST:
                several.append(one)
                size += one.size
        for one in several:
            one.taken = True
        self._waiting = [one for one in self._waiting if not one.taken]
        return several

    def _append_batch(self, feed: str, several: Sequence[_BatchRequest]) -> None:
        rows: dict[str, list[Mapping[str, object]]] = {}
        origins: dict[str, list[RowOrigin]] = {}
        for one in several:
            for table, own in one.shaped.rows.items():
                rows.setdefault(table, []).extend(own)
                origins.setdefault(table, []).extend(one.shaped.origins[table])
        refused = tuple(bad for one in several for bad in one.shaped.refused)
        try:
            sender = several[0].sender
            self.sink.write_batch(
                feed, None, rows=rows, origins=origins, refused=refused, wait=False, sender=sender
            )
        except Exception as error:  # noqa: BLE001 - each of the requests is told what became of it
            if len(several) == 1 or isinstance(error, LakeBusyError):
                for one in several:
                    one.error = error
                return
            for one in several:  # what is wrong with one request is not the others' fault
                self._append_batch(feed, [one])
