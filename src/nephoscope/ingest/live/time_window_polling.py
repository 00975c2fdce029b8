"""Time-window polling: overlapping windows, deduplication by id, crash-safe checkpoints.

Events come late and out of order, so each round asks again for the last stretch. What was taken is known by id; the ids of a batch are
kept under its number before it is handed over, and after a crash the lake says whether it has that number.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event

import msgspec

from nephoscope.ingest.live.live_source import SourceChunk, SourceSink
from nephoscope.ingest.source_failures import SourceStoppedError
from nephoscope.lake.errors import ProducerOvertakenError

#: Events that are handed over at once, and how long a window is at most.
BATCH = 2000
LONGEST = timedelta(hours=6)
#: Numbers of batches that follow each other are this much apart at most.
_APART = 1 << 20


@dataclass(frozen=True, slots=True)
class PolledEvent:
    """An event: what makes it the same event another time, when it was, its record."""

    id: str
    at: datetime
    record: Mapping[str, object]


@dataclass(slots=True)
class Poller:
    """Polls one kind of event. `ask` gives the events of a window, page by page; `name` is that of the feed.

    `overlap` is how late an event may come, `begin` how far back the first round goes.
    """

    name: str
    sink: SourceSink
    stop: Event
    ask: Callable[[datetime, datetime], Iterator[list[PolledEvent]]]
    overlap: timedelta
    begin: timedelta
    _until: str = ""
    _number: int = -1
    _batches: dict[int, dict[str, str]] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._until = str((self.sink.get_checkpoint(self._key) or {}).get("until", ""))
        self._number = self.sink.get_last_sequence(self.name)
        for key, ids in self.sink.list_checkpoints(f"{self._key}/").items():
            number = int(key.rpartition("/")[2])
            # A batch whose number the lake has not was never taken: its events are asked for again.
            if number <= self._number:
                self._batches[number] = dict(ids)
                self._seen.update(ids)
            else:
                self.sink.drop_checkpoint(key)

    @property
    def _key(self) -> str:
        return f"poll:{self.name}"

    def poll(self, now: datetime) -> int:
        """Ask for everything up to now and hand over what is new; how many events that were. Raises SourceStoppedError."""
        known = datetime.fromisoformat(self._until) if self._until else now - self.begin
        start, taken = known - (self.overlap if self._until else timedelta(0)), 0
        while start < now:
            end = min(now, max(known, start) + LONGEST)
            for page in self.ask(start, end):
                taken += self._pass_page(page)
                if self.stop.is_set():
                    raise SourceStoppedError
            self._close_window(end)
            start = known = end
        return taken

    def _pass_page(self, page: Iterable[PolledEvent]) -> int:
        new: dict[str, PolledEvent] = {}
        for one in page:
            if one.id not in self._seen:
                new.setdefault(one.id, one)
        events = list(new.values())
        for at in range(0, len(events), BATCH):
            self._pass_events(events[at : at + BATCH])
        return len(events)

    def _pass_events(self, events: list[PolledEvent]) -> None:
        # two processes that read the same for a moment do not choose the same number, and only one of them is taken
        number = self._number + 1 + secrets.randbelow(_APART)
        ids = {one.id: one.at.isoformat() for one in events}
        self.sink.save_checkpoint(f"{self._key}/{number}", ids)
        data = msgspec.json.encode({"records": [one.record for one in events]})
        try:
            self.sink.write_batch(self.name, number, (SourceChunk(data, self.name),), after=self._number)
        except ProducerOvertakenError:
            self.sink.drop_checkpoint(f"{self._key}/{number}")
            raise
        self._number, self._batches[number] = number, ids
        self._seen.update(ids)

    def _close_window(self, end: datetime) -> None:
        """A window is done: batches of which no later one can bring an event again are forgotten."""
        self._until = end.isoformat()
        self.sink.save_checkpoint(self._key, {"until": self._until})
        oldest = end - 2 * self.overlap
        for number, ids in list(self._batches.items()):
            if all(datetime.fromisoformat(at) < oldest for at in ids.values()):
                del self._batches[number]
                self._seen.difference_update(ids)
                self.sink.drop_checkpoint(f"{self._key}/{number}")
