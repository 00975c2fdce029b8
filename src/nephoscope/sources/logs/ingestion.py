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
from nephoscope.sources.logs.format import Context
from nephoscope.sources.logs.growth import Short, head_of
from nephoscope.sources.logs.reading import read
from nephoscope.sources.logs.sorting import Outcome
from nephoscope.sources.resources.files import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.lake.state.ingested_files import IngestedFile
    from nephoscope.lake.workspace import Workspace
    from nephoscope.lake.writer import Writer
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.files import Content
    from nephoscope.sources.logs.parsed import Parsed
    from nephoscope.sources.resources.files import Source

#: How long a full spool is waited for: the flusher empties it meanwhile.
PATIENCE = 120.0
_PAUSE = 0.5
#: How long a load is another's when its host is gone: longer than a block may wait for a full spool.
_HELD = 2 * PATIENCE
#: The identity of a load without --again: what the content is known by, and a hash of what else decides its rows.
_LOADED_ONCE = re.compile(r"[0-9a-f]+(?:-stopped)?(?:-[0-9a-f]{12})?")
_PARTICULAR = re.compile(r":? '[^']*'| \d{4}-\d\d-\d\dT[0-9:.]+(?:\+00:00|Z)?| \(byte \d+\)")


def kind_of(reason: str) -> str:
    """A reason without what is particular to one record: times and quoted values."""
    return _PARTICULAR.sub("", reason)


def told_by_path(name: str) -> str:
    """What the path of a file tells of its records, the resource and the tenant, in one spelling; '' where that is nothing."""
    context = Context(name)
    return f"{context.resource_id} {context.tenant_id}".strip().lower()


class Earlier:
    """The loads of a workspace by what a later version of their file would be found by: its name, or how it begins."""

    def __init__(self, files: Iterable[IngestedFile]) -> None:
        self._found: dict[str, list[IngestedFile]] = {}
        self._short = Short()
        self._contents: dict[str, list[IngestedFile]] = {}
        for one in files:
            self.add(one)

    def add(self, one: IngestedFile) -> None:
        """Know one more load."""
        self._short.add(one)
        if _LOADED_ONCE.fullmatch(one.identity):
            self._contents.setdefault(one.content, []).append(one)
        for key in {f"name {one.name}", f"head {one.head}" if one.head else ""} - {""}:
            self._found.setdefault(key, []).append(one)

    def of(self, name: str, start: bytes, options: str) -> list[IngestedFile]:
        """The loads with the same options that a content of this name may continue which starts so."""
        found = self._found.get(f"name {name}", []) + self._found.get(f"head {head_of(start)}", [])
        found += self._short.of(start)
        said = told_by_path(name)
        return list(
            {
                one.identity: one
                for one in found
                if one.format == options and one.size and said in ("", told_by_path(one.name))
            }.values()
        )

    def same(self, name: str, content: str, options: str) -> IngestedFile | None:
        """The load of the same content with the same options whose path told no less, None where there is none."""
        digest, _, stopped = content.partition("-")
        said = told_by_path(name)
        found = [
            one
            for one in self._contents.get(digest, ())
            if one.format == options and ("-stopped" in one.identity) == bool(stopped)
        ]
        alike = [one for one in found if told_by_path(one.name) == said]
        return next(iter(alike or (found if not said else [])), None)


@dataclass
class Tally:
    """What came of a load: rows by table, quarantined entries by reason, and how many files were read, taken up or known.

    `outcome` counts the records by what became of them; `derived` of the rows were made of other rows; `recoded` records were no
    UTF-8, `halves` had half of a surrogate pair; `strangers` of the rows have no column of the table that was asked for.
    `known_rows` were made of the known files before; `continued` of the files read had grown and gave what was new. `failed` says of
    each file that was not read to its end why, also where that was in an earlier load; `grown` names those that had grown and gave
    all their rows again: nothing tells where they went on. `cut` names those of which an earlier load took the beginning of a line,
    with the number of that line.
    """

    rows: Counter[str] = field(default_factory=Counter)
    bad: Counter[str] = field(default_factory=Counter)
    outcome: Outcome = field(default_factory=Outcome)
    derived: int = 0
    recoded: int = 0
    halves: int = 0
    strangers: int = 0
    read: int = 0
    resumed: int = 0
    known: int = 0
    known_rows: int = 0
    continued: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    grown: list[str] = field(default_factory=list)
    cut: dict[str, int] = field(default_factory=dict)

    def add(self, parsed: Parsed) -> None:
        """Count a block."""
        self.outcome = Outcome(*map(sum, zip(self.outcome, parsed.outcome, strict=True)))
        self.derived += parsed.derived
        self.recoded += parsed.recoded
        self.halves += parsed.halves
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
        earlier = Earlier(() if self.again else self.state.ingested_files.all(self.workspace.name))
        for source in sources:
            self.file(source, earlier)

    def file(self, source: Source, earlier: Earlier) -> None:
        """Take a file in, unless its content is there; of one that has grown, what is new."""
        if why := unreadable(source):
            self.tally.failed[source.name] = why
            return
        content = identity(source, self.limits, lambda start: earlier.of(source.name, start, self.options))
        name = self._name(source.name, content.name, earlier)
        with self._alone(name) as lease:
            self._file(source, name, content, lease)
        loaded = self.state.ingested_files.get(name, self.workspace.name)
        if loaded is not None and not self.again:
            earlier.add(loaded)

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

    def _file(self, source: Source, name: str, content: Content, lease: HeldLease) -> None:
        ledger, workspace = self.state.ingested_files, self.workspace.name
        at, lines = (
            (content.continued.at, content.continued.earlier.lines) if content.continued else (0, None)
        )
        begun = ledger.begin(
            name, source.name, self.options, content.size, workspace,
            done=at, lines=lines, closing=content.closing, head=content.head,
        )  # fmt: skip
        if begun.finished is not None:
            self.tally.known += 1
            self.tally.known_rows += begun.rows
            self.advance(packed_size(source.path))
            if content.failure:
                self.tally.failed[source.name] = content.failure
            return
        self.tally.resumed += begun.chunk >= 0
        cut = False
        if content.continued is not None and begun.chunk < 0:
            cut = content.continued.cut
            if at or cut:
                self.tally.continued += 1
            elif content.continued.earlier.rows:
                self.tally.grown.append(source.name)
        self.tally.read += 1
        chunk = begun.chunk + 1 if begun.done else 0
        self._read(source, name, begun, chunk, lease, cut=cut)
        ledger.finish(name, workspace)

    def _name(self, path: str, content: str, earlier: Earlier) -> str:
        """What names a load: the content with what else decides its rows, the options and what the path tells."""
        if self.again:
            return f"{content}-{uuid.uuid4()}"
        if same := earlier.same(path, content, self.options):
            return same.identity
        said = told_by_path(path)
        decisive = f"{self.options}\0{said}" if said else self.options
        return f"{content}-{blake2b(decisive.encode(), digest_size=6).hexdigest()}" if decisive else content

    def _read(
        self, source: Source, name: str, begun: IngestedFile, chunk: int, lease: HeldLease, *, cut: bool
    ) -> None:
        writer = self.lake.writer()
        producer = f"{FILE}{self.workspace.name}-{name}"
        context = replace(self.context, source=source.name)
        with opened(source, self.limits, self.advance) as stream:
            if isinstance(stream, LogStream):
                lines = stream.skip(begun.done)
                if cut:
                    self.tally.cut[source.name] = lines + 1
            for parsed in read(
                stream,
                self.formats,
                context,
                tables=self.lake.tables,
                workspace=self.workspace,
                resume_at=begun.done,
                text=begun.lines,
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
            sure=parsed.sure,
            lines=parsed.text,
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
