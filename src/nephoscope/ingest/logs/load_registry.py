"""Registry of file loads: one process at a time has a content; a load's end is stored with the beginning of the next one.

So a small file is one transaction. Where a process is killed before that, the lake has a block that is not noted: its load is taken
up before it, and the lake knows the block by its number.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from nephoscope.state.leases.lease_holder import create_holder_name
from nephoscope.state.state_ledger import HeldLease

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from nephoscope.state import State
    from nephoscope.state.ingestion.ingested_files import Chunk, IngestedFile
    from nephoscope.state.leases.leases import Lease

_PAUSE = 0.5


@dataclass
class FileLoad:
    """A load that this process has alone: how far it is, and the last chunk, which is not noted yet."""

    file: IngestedFile
    lease: HeldLease
    _loads: FileLoads
    _last: Chunk | None = None
    _continues: str = ""

    def record_chunk(self, chunk: Chunk) -> None:
        """A chunk was acknowledged."""
        self._last, self.file = chunk, self.file.with_chunk(chunk)

    def store_chunk(self) -> None:
        """Note the last chunk, since another one is to come."""
        if self._last is not None:
            self._loads.state.ingested_files.advance(self.file.identity, self.file.workspace, self._last)
            self._last = None

    def end(self, continues: str = "") -> None:
        """The whole file was taken in; what it `continues` is noted as surpassed."""
        self._continues = continues
        self.file = replace(self.file, done=self.file.size, finished=self._loads.state.database.local_time())
        self._loads.end_load(self)

    def settle(self, session: Session) -> None:
        """Note the end in a transaction, and give the load up."""
        files = self._loads.state.ingested_files
        files.end(session, self.file.identity, self.file.workspace, self._last)
        if self._continues:
            files.unmark(session, self._continues, self.file.workspace)
        self.lease.release_in_transaction(session)


@dataclass
class FileLoads:
    """The loads of a process, each held for so many `seconds` unless it is kept; contents share 256 leases, since their rows stay."""

    state: State
    seconds: float
    _holder: str = field(default_factory=create_holder_name)
    _over: FileLoad | None = None

    @contextmanager
    def lock_content(self, name: str, begin: Callable[[Session], IngestedFile]) -> Iterator[FileLoad]:
        """One process at a time loads a content: a second one waits, and then finds what the first has done.

        `begin` records it in the transaction that takes it.
        """
        shared = f"ingest/{blake2b(name.encode(), digest_size=1).hexdigest()}"
        file, taken = self._begin_load(shared, begin)
        load = FileLoad(file, HeldLease(taken, self.seconds), self)
        try:
            yield load
        finally:
            if load is not self._over:
                load.lease.release()

    def _begin_load(
        self, shared: str, begin: Callable[[Session], IngestedFile]
    ) -> tuple[IngestedFile, Lease]:
        gone: list[str] = []
        while True:
            with self.state.transaction() as session:
                # whoever begins sees what was begun before
                self.state.database.queue(session, "ingest")
                over = self._over
                # in one order in every process, so that two of them wait for each other and do not lock each other out
                if over is not None and over.lease.name <= shared:
                    over.settle(session)
                taken = self.state.leases.acquire_in_transaction(
                    session, [shared], self._holder, self.seconds, gone
                )
                if over is not None and over.lease.name > shared:
                    over.settle(session)
                file = begin(session) if taken else None
            self._over = None
            if file is not None:
                return file, taken[shared]
            before, gone = gone, self.state.leases.list_ended_holders([shared])
            if gone == before:
                time.sleep(_PAUSE)

    def end_load(self, load: FileLoad) -> None:
        """A load is over, which is noted with the next one that begins."""
        self._over = load

    def settle(self) -> None:
        """Note what is over: before the state is asked for it, and where nothing begins any more."""
        if self._over is not None:
            with self.state.transaction() as session:
                self._over.settle(session)
            self._over = None
