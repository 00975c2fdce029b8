"""Fast path: write many requests to the spool in one append and acknowledge each once it is durable.

For the streams of rules that nobody wrote, whose records are rows as they are; gathering.py is for everything else.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from nephoscope.ingest.live.ingestion.idempotency import IdempotencyCache
from nephoscope.ingest.live.ingestion.request_bodies import unpack_body
from nephoscope.ingest.live.ingestion.request_errors import IngestionRefusedError
from nephoscope.ingest.live.ingestion.request_records import parse_records
from nephoscope.ingest.live.log_rate_limit import LogRateLimiter
from nephoscope.ingest.logs.secret_masking import mask_secrets
from nephoscope.lake.errors import SpoolFullError
from nephoscope.lake.schema.row_conversion import split_by_workspace, to_arrow_rows
from nephoscope.lake.schema.table import LakeTable
from nephoscope.lake.writing.quarantine import RAW_BYTES, QuarantineEntry
from nephoscope.lake.writing.writer import Portion, Writer
from nephoscope.model.resource_binding import ResourceBinding
from nephoscope.state.workspaces.workspace import Workspace

#: Bytes of bodies that one append takes, about, and that wait at most.
MOST, MOST_WAITING = 8 << 20, 64 << 20
#: Seconds that the first request of an append waits for others, where the one before brought several.
LINGER = 0.02
_AGAIN = 5
_LOG = logging.getLogger("nephoscope.intake")


@dataclass(frozen=True, slots=True)
class IngestionPost:
    """A request: records for a table of a workspace, in a body with an encoding ('' = none); `id` is the client's ('' = none).

    `sender` is the resource that the caller is bound to (None = no one).
    """

    workspace: str
    table: str
    stream: str
    body: bytes
    encoding: str = ""
    id: str = ""
    sender: ResourceBinding | None = None


@dataclass(slots=True)
class _PendingPost:
    post: IngestionPost
    answer: asyncio.Future[int]


@dataclass(slots=True)
class _ReadPost:
    """A request whose body was read: its mark and records, or why it is not taken; `again` is one that was taken before."""

    post: IngestionPost
    mark: bytes = b""
    records: list[dict[str, object]] = field(default_factory=list)
    again: bool = False
    error: Exception | None = None


@dataclass
class RequestIntake:
    """Takes requests of an event loop; one thread reads and appends, so that the loop goes on. `producer` is this process' alone."""

    writer: Writer
    producer: str
    tables: Callable[[str], LakeTable | None]
    workspace: Callable[[str], Workspace]
    body: int
    _told: LogRateLimiter = field(
        default_factory=lambda: LogRateLimiter(lambda text, _: _LOG.warning("%s", text))
    )
    _repeats: IdempotencyCache = field(default_factory=IdempotencyCache)
    _waiting: list[_PendingPost] = field(default_factory=list)
    _size: int = 0
    _last: int = 0
    _task: asyncio.Task[None] | None = None
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "intake"))

    async def submit(self, post: IngestionPost) -> int:
        """Count how many records were taken, all of which are on disk.

        IngestionRefusedError where the request is wrong or nothing can be taken now; what is raised otherwise was not taken either.
        """
        if self._size + len(post.body) > MOST_WAITING:
            raise IngestionRefusedError(
                429, "TooManyRequests", "Data arrives faster than it can be written.", _AGAIN
            )
        one = _PendingPost(post, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self._size += len(post.body)
        if self._task is None:
            self._task = asyncio.create_task(self._append_waiting_posts())
        return await one.answer

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown()

    async def _append_waiting_posts(self) -> None:
        """Append until nothing waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            if self._last > 1:
                await asyncio.sleep(LINGER)
            several = self._pop_batch()
            found = await loop.run_in_executor(
                self._thread, self._process_posts, [one.post for one in several]
            )
            self._last = len(several)
            for one, result in zip(several, found, strict=True):
                if one.answer.cancelled():
                    continue
                if isinstance(result, int):
                    one.answer.set_result(result)
                else:
                    one.answer.set_exception(result)
        self._task = None

    def _pop_batch(self) -> list[_PendingPost]:
        """The requests that go together, the oldest first."""
        size = count = 0
        for one in self._waiting:
            size += len(one.post.body)
            if count and size > MOST:
                break
            count += 1
        several, self._waiting = self._waiting[:count], self._waiting[count:]
        self._size -= sum(len(one.post.body) for one in several)
        return several

    def _process_posts(self, posts: Sequence[IngestionPost]) -> list[int | Exception]:
        """Return what became of requests: how many records each brought, or why it was not taken."""
        gc.disable()  # rows have no cycles, and to look for them costs more than to read them
        try:
            first: dict[bytes, _ReadPost] = {}
            read = [self._read_post(one, first) for one in posts]
            self._append_posts([one for one in read if one.error is None and not one.again])
            return [
                (first[one.mark].error if one.mark in first else one.error) or len(one.records)
                for one in read
            ]
        finally:
            gc.enable()

    def _read_post(self, post: IngestionPost, first: dict[bytes, _ReadPost]) -> _ReadPost:
        """Read a body; `first` has the requests of this append by their marks: one that is sent twice shares what becomes of it."""
        found = _ReadPost(post)
        try:
            body = unpack_body(post.body, post.encoding, self.body * 10)
            found.mark = IdempotencyCache.build_key(post.id, post.stream, body, post.sender)
            found.again = found.mark in self._repeats or found.mark in first
            if found.mark and not found.again:
                first[found.mark] = found
            if not found.again:
                found.records = parse_records(body)
        except IngestionRefusedError as error:
            found.error = error
        return found

    def _append_posts(self, several: Sequence[_ReadPost]) -> None:
        """Append together; what is wrong with one request is not the others' fault."""
        try:
            self.writer.append_all(self._list_portions(several), producer=self.producer)
        except SpoolFullError as error:
            self._told("full", f"nothing is taken: {error}")
            for one in several:
                one.error = IngestionRefusedError(
                    503, "ServiceUnavailable", f"Nothing was taken: {error}", _AGAIN
                )
        except Exception as error:  # noqa: BLE001 - each of the requests is told what became of it
            if len(several) == 1:
                several[0].error = error
            else:
                for one in several:
                    self._append_posts([one])
        else:
            for one in several:
                self._repeats.add(one.mark)

    def _list_portions(self, several: Sequence[_ReadPost]) -> list[Portion]:
        tables: dict[str, dict[str, list[_ReadPost]]] = defaultdict(lambda: defaultdict(list))
        for one in several:
            tables[one.post.table][one.post.workspace].append(one)
        now = datetime.now(UTC)
        return [
            found for name in sorted(tables) for found in self._build_table_portions(name, tables[name], now)
        ]

    def _build_table_portions(
        self, name: str, groups: dict[str, list[_ReadPost]], now: datetime
    ) -> list[Portion]:
        """The rows of a table by workspace; made together where the workspaces keep them equally long and none is bad."""
        table = self.tables(name)
        if table is None:
            raise IngestionRefusedError(400, "InvalidStream", f"Table {name!r} not found.")
        places = {workspace: self.workspace(workspace) for workspace in groups}
        strict = {workspace: place for workspace, place in places.items() if not place.accepts_table(name)}
        if strict:
            taken = {workspace: group for workspace, group in groups.items() if workspace not in strict}
            found = self._build_table_portions(name, taken, now) if taken else []
            return [
                *found,
                *(self._refuse_table(place, name, groups[place.name]) for place in strict.values()),
            ]
        records = {
            workspace: [record for one in group for record in one.records]
            for workspace, group in groups.items()
        }
        if len({place.get_retention_days(name) for place in places.values()}) == 1:
            together = [record for several in records.values() for record in several]
            senders = [one for group in groups.values() for one in _list_senders(group)]
            rows = to_arrow_rows(
                table, together, workspace=next(iter(places.values())), now=now, whole=False, senders=senders
            )
            if not rows.bad:
                counts = [(places[workspace], len(own)) for workspace, own in records.items()]
                return [
                    Portion(workspace, {name: own})
                    for workspace, own in zip(groups, split_by_workspace(rows.table, counts), strict=True)
                ]
        found = []
        for workspace, place in places.items():
            own = records[workspace]
            senders = _list_senders(groups[workspace])
            rows = to_arrow_rows(table, own, workspace=place, now=now, whole=False, senders=senders)
            bad = [self._quarantine_record(name, groups[workspace], at, why, own[at]) for at, why in rows.bad]
            found.append(Portion(workspace, {name: rows.table}, bad))
        return found

    def _refuse_table(self, place: Workspace, table: str, group: Sequence[_ReadPost]) -> Portion:
        """The records for a table that the workspace does not take, set aside."""
        every = [record for one in group for record in one.records]
        why = place.refusal(table)
        return Portion(
            place.name,
            {},
            [self._quarantine_record(table, group, at, why, record) for at, record in enumerate(every)],
        )

    def _quarantine_record(
        self, table: str, group: Sequence[_ReadPost], place: int, reason: str, record: object
    ) -> QuarantineEntry:
        for one in group:
            if place < len(one.records):
                break
            place -= len(one.records)
        raw = mask_secrets(msgspec.json.encode(record).decode())[:RAW_BYTES]
        resource = one.post.sender.key if one.post.sender is not None else ""
        return QuarantineEntry(
            self.producer, f"record {place}", mask_secrets(reason), raw, "", table, resource=resource
        )


def _list_senders(group: Sequence[_ReadPost]) -> list[tuple[ResourceBinding | None, int]]:
    """Return who sent the records of requests, and how many."""
    return [(one.post.sender, len(one.records)) for one in group]
