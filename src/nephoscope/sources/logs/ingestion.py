"""Files into the lake: each content once, taken up where it was interrupted, and what came of it counted."""

from __future__ import annotations

import re
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from nephoscope.lake.errors import LakeError, SpoolFullError
from nephoscope.lake.quarantine import Bad
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.ledger import HeldLease
from nephoscope.lake.state.producers import FILE
from nephoscope.sources.logs.files import LogStream, identity, opened, packed_size, unreadable
from nephoscope.sources.logs.reading import Outcome, read
from nephoscope.sources.resources.files import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.lake.workspace import Workspace
    from nephoscope.lake.writer import Writer
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.files import Content
    from nephoscope.sources.logs.format import Context
    from nephoscope.sources.logs.reading import Parsed
    from nephoscope.sources.resources.files import Source

#: How long a full spool is waited for: the flusher empties it meanwhile.
PATIENCE = 120.0
_PAUSE = 0.5
#: How long a load is another's when its host is gone: longer than a block may wait for a full spool.
_HELD = 2 * PATIENCE
_PARTICULAR = re.compile(r":? '[^']*'| \d{4}-\d\d-\d\dT[0-9:.]+(?:\+00:00|Z)?| \(byte \d+\)")


def kind_of(reason: str) -> str:
    """A reason without what is particular to one record: times and quoted values."""
    return _PARTICULAR.sub("", reason)


def _begins(content: Content, size: int, name: str) -> bool:
    """Whether a shorter content is the beginning of one; the name of a load has the content's in front."""
    return size < content.size and name.startswith(content.beginnings.get(size, "?"))


@dataclass
class Tally:
    """What came of a load: rows by table, quarantined entries by reason, and how many files were read, taken up or known.

    `outcome` counts the records by what became of them; `derived` of the rows were made of other rows; `recoded` records were no
    UTF-8; `strangers` of the rows have no column of the table that was asked for. `failed` says of each file that was not read to
    its end why, also where that was in an earlier load; `grown` names the files of which a shorter version was taken in before.
    """

    rows: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    outcome: Outcome = field(default_factory=Outcome)
    derived: int = 0
    recoded: int = 0
    strangers: int = 0
    read: int = 0
    resumed: int = 0
    known: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    grown: list[str] = field(default_factory=list)

    def add(self, parsed: Parsed) -> None:
        """Count a block."""
        self.outcome = Outcome(*map(sum, zip(self.outcome, parsed.outcome, strict=True)))
        self.derived += parsed.derived
        self.recoded += parsed.recoded
        self.strangers += parsed.strangers
        self.rows.update({name: rows.num_rows for name, rows in parsed.tables.items() if rows.num_rows})
        self.bad.update(kind_of(entry.reason) for entry in parsed.bad)


@dataclass(frozen=True)
class Ingestion:
    """How files are taken in: as which formats, for which workspace of which lake.

    `again` takes content in that was taken in before. `advance` is told of bytes of the files that were read.
    """

    lake: Lake
    state: State
    workspace: Workspace
    formats: Formats
    context: Context
    again: bool = False
    options: str = ""
    limits: Limits = field(default_factory=Limits)
    advance: Callable[[int], None] = lambda _: None
    tally: Tally = field(default_factory=Tally)

    def run(self, sources: Sequence[Source]) -> None:
        """Take files in, one after another; SpoolFullError where the lake has no room for long: run again to go on."""
        earlier = self.state.ingested_files.versions({one.name for one in sources}, self.workspace.name)
        for source in sources:
            self.file(source, earlier.get(source.name, ()))

    def file(self, source: Source, earlier: Sequence[tuple[int, str]] = ()) -> None:
        """Take a file in, unless its content is there; `earlier` are the sizes and names of what was there under its name."""
        if why := unreadable(source):
            self.tally.failed[source.name] = why
            return
        content = identity(source, self.limits, (size for size, _ in earlier))
        name = self._name(content.name)
        with self._alone(name) as lease:
            new = self._file(source, name, content, lease)
        if new and not self.again and any(_begins(content, *version) for version in earlier):
            self.tally.grown.append(source.name)

    @contextmanager
    def _alone(self, name: str) -> Iterator[HeldLease]:
        """One process at a time loads a content: a second one waits, and then finds what the first has done.

        Contents share 256 leases, since the rows of leases stay.
        """
        shared, holder = f"ingest/{blake2b(name.encode(), digest_size=1).hexdigest()}", new_holder()
        while (lease := self.state.leases.take(shared, holder, _HELD)) is None:
            time.sleep(_PAUSE)
        held = HeldLease(lease, _HELD)
        try:
            yield held
        finally:
            held.release()

    def _file(self, source: Source, name: str, content: Content, lease: HeldLease) -> bool:
        """Whether there was anything to take in."""
        ledger, workspace = self.state.ingested_files, self.workspace.name
        begun = ledger.begin(name, source.name, self.options, content.size, workspace)
        if begun.finished is not None:
            self.tally.known += 1
            self.advance(packed_size(source.path))
            if content.failure:
                self.tally.failed[source.name] = content.failure
            return False
        self.tally.resumed += begun.chunk >= 0
        self.tally.read += 1
        chunk = begun.chunk + 1 if begun.done else 0
        self._read(source, name, begun.done, chunk, lease)
        ledger.finish(name, workspace)
        return True

    def _name(self, content: str) -> str:
        """What names a load: the content with the options that decide its rows."""
        if self.again:
            return f"{content}-{uuid.uuid4()}"
        options = blake2b(self.options.encode(), digest_size=6).hexdigest() if self.options else ""
        return f"{content}-{options}" if options else content

    def _read(self, source: Source, name: str, at: int, chunk: int, lease: HeldLease) -> None:
        writer = self.lake.writer()
        producer = f"{FILE}{self.workspace.name}-{name}"
        context = replace(self.context, source=source.name)
        with opened(source, self.limits, self.advance) as stream:
            if isinstance(stream, LogStream):
                stream.skip(at)
            parsed = None
            for parsed in read(
                stream, self.formats, context, tables=self.lake.tables, workspace=self.workspace, resume_at=at
            ):
                if not lease.renew():
                    raise LakeError(f"{source.name}: another process goes on with this load")
                self._take(writer, parsed, producer, chunk, name)
                chunk += 1
            if isinstance(stream, LogStream) and stream.failure:
                self._failed(writer, source, stream, producer, chunk)

    def _take(self, writer: Writer, parsed: Parsed, producer: str, chunk: int, name: str) -> None:
        append(writer, self.workspace.name, parsed, producer, chunk)
        self.tally.add(parsed)
        self.state.ingested_files.advance(
            name,
            chunk=chunk,
            done=max(parsed.end, 0),
            rows=sum(rows.num_rows for rows in parsed.tables.values()),
            bad=len(parsed.bad),
            workspace=self.workspace.name,
        )

    def _failed(self, writer: Writer, source: Source, stream: LogStream, producer: str, chunk: int) -> None:
        """What stopped a file before its end is an entry of the quarantine."""
        self.tally.failed[source.name] = stream.failure
        self.tally.bad[stream.failure] += 1
        entry = Bad(source.name, f"byte {stream.at}", stream.failure, "", "")
        writer.append(self.workspace.name, {}, bad=[entry], producer=producer, sequence=chunk)


def append(writer: Writer, workspace: str, parsed: Parsed, producer: str, sequence: int) -> None:
    """Append a block, waiting while the spool is full; SpoolFullError where that lasts."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            writer.append(workspace, parsed.tables, bad=parsed.bad, producer=producer, sequence=sequence)
            return
        except SpoolFullError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
