"""Files into the lake: each content once, taken up where it was interrupted, and what came of it counted."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.lake.errors import LakeError, NoRoomError, SpoolFullError
from nephoscope.lake.quarantine import Bad
from nephoscope.lake.state.database import StateError
from nephoscope.lake.state.holder import new_holder
from nephoscope.lake.state.ledger import HeldLease
from nephoscope.lake.state.producers import FILE
from nephoscope.sources.logs.earlier import Earlier, again, told_by_path
from nephoscope.sources.logs.files import (
    Known,
    LogStream,
    identity,
    is_log,
    opened,
    packed_size,
    unreadable,
)
from nephoscope.sources.logs.growth import Continued
from nephoscope.sources.logs.reading import read
from nephoscope.sources.logs.tally import Tally
from nephoscope.sources.logs.wait import Wait
from nephoscope.sources.resources.files import FileError, Limits, is_tape
from nephoscope.sources.resources.tape import members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nephoscope.lake.lake import Lake
    from nephoscope.lake.state import State
    from nephoscope.lake.state.ingested_files import IngestedFile
    from nephoscope.lake.workspace import Workspace
    from nephoscope.lake.writer import Writer
    from nephoscope.sources.logs.discovery import Formats
    from nephoscope.sources.logs.files import Content
    from nephoscope.sources.logs.format import Context
    from nephoscope.sources.logs.growth import Proof
    from nephoscope.sources.logs.marks import Older
    from nephoscope.sources.logs.parsed import Parsed
    from nephoscope.sources.resources.files import Source

#: How long a full spool is waited for: the flusher empties it meanwhile. A full disk is waited for until there is room.
PATIENCE = 120.0
_LOG = logging.getLogger("nephoscope.ingestion")
_PAUSE = 0.5
#: How long a load is another's when its host is gone: longer than a block may wait for a full spool.
_HELD = 2 * PATIENCE


@dataclass(frozen=True)
class Ingestion:
    """How files are taken in: as which formats, for which workspace of which lake.

    `again` takes content in that was taken in before, once more: it names what is asked for, and a load of that name that was
    interrupted goes on ('' = each content once). `advance` is told of bytes of the files that were
    read, `waits` why it waits while the lake takes nothing; `scratch` is a folder for members of archives.
    """

    lake: Lake
    state: State
    workspace: Workspace
    formats: Formats
    context: Context
    again: str = ""
    options: str = ""
    limits: Limits = field(default_factory=Limits)
    scratch: Path = Path()
    advance: Callable[[int], None] = lambda _: None
    waits: Callable[[str], None] = _LOG.warning
    tally: Tally = field(default_factory=Tally)

    def run(self, sources: Sequence[Source]) -> None:
        """Take files in, one after another; SpoolFullError where the lake has no room for long: run again to go on."""
        run = self._begun()
        earlier = Earlier(self.state.ingested_files.all(self.workspace.name), run)
        for source in sources:
            if is_tape(source.path.name) and not source.entry:
                self._tape(source, earlier)
            else:
                self.file(source, earlier)
        if run:
            self.state.repeated_loads.finish(self.workspace.name, self.again, run)

    def _begun(self) -> str:
        """What names this load among those with --again; '' where it is none."""
        if not self.again:
            return ""
        load = self.state.repeated_loads.begin(self.workspace.name, self.again)
        self.tally.again_since = load.started if load.resumed else None
        return load.run

    def _tape(self, source: Source, earlier: Earlier) -> None:
        """Take in what a tar archive holds, a member at a time."""
        if why := unreadable(source):
            self.tally.failed[source.name] = why
            return
        try:
            tally, wait = self.tally, Wait(self.waits, PATIENCE)

            def full(error: OSError) -> None:
                wait.pause(NoRoomError(f"nothing can be unpacked: {error.strerror}"))

            for member in members(
                source, self.limits, self.scratch, is_log, tally.passed_over, tally.special, full
            ):
                wait.over()
                self.file(member, earlier)
        except FileError as error:
            self.tally.failed[source.name] = str(error)
        self.advance(packed_size(source.path))

    def file(self, source: Source, earlier: Earlier) -> None:
        """Take a file in, unless its content is there; of one that has grown, what is new."""
        if why := unreadable(source):
            self.tally.failed[source.name] = why
            return
        content = identity(source, self.limits, lambda start: self._known(source.name, start, earlier))
        same = earlier.same(source.name, content.name, self.options)
        name = same.identity if same else self._name(source.name, content.name, earlier)
        others = [proof for proof in content.proofs if proof.earlier.identity != name]
        akin = [proof for proof in others if earlier.akin(source.name, proof.earlier)]
        continued = Continued.best(self._continued(source, proof) for proof in akin)
        for proof in others:
            if proof not in akin and proof.earlier.rows:
                self.tally.alike[source.name] = proof.earlier.name
        with self._alone(name) as lease:
            self._file(source, name, content, continued, lease)
        loaded = self.state.ingested_files.get(name, self.workspace.name)
        if loaded is not None:
            earlier.add(loaded)
        for one, content_ in (
            (loaded, content.name),
            *((one.earlier, one.earlier.content) for one in (continued,) if one),
        ):
            if one is not None and told_by_path(source.name) and not told_by_path(one.name):
                self._adopt(source, one, content_, earlier)

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

    def _continued(self, source: Source, proof: Proof) -> Continued:
        """Where a file goes on that is proved to begin with what an earlier load took.

        Where that was interrupted, another process may still be at it: it is waited for. A block that was acknowledged and not
        noted, since its process was killed between the two, is noted first.
        """
        ledger, workspace = self.state.ingested_files, self.workspace.name
        one = ledger.get(proof.earlier.identity, workspace) or proof.earlier
        if one.finished is None:
            with self._alone(one.identity) as lease:
                one = ledger.get(one.identity, workspace) or one
                if one.finished is None:
                    self._note_blocks(source, proof, one, lease)
            one = ledger.get(one.identity, workspace) or one
        return Continued.of(one, proof)

    def _note_blocks(self, source: Source, proof: Proof, one: IngestedFile, lease: HeldLease) -> None:
        """Note the blocks of an interrupted load that were acknowledged: the same bytes, cut into the same blocks."""
        last = self.lake.writer().last(self._producer(one.identity))
        if last <= one.chunk:
            return
        with opened(source, self.limits, lambda _: None, proof.at, proof.closing) as stream:
            for chunk, parsed in self._blocks(stream, one.name, one, lease):
                if chunk > last:
                    return
                self._note(one.identity, chunk, parsed)
        self.state.ingested_files.finish(one.identity, self.workspace.name)

    def _known(self, name: str, start: bytes, earlier: Earlier) -> Known:
        """The loads that a content may have to do with which begins so."""
        longer = (
            (one, self.state.ingested_files.marks(one.identity, self.workspace.name))
            for one in earlier.longer(name, start, self.options)
        )
        return Known(earlier.of(name, start, self.options), [one for one in longer if one[1]])

    def _file(
        self, source: Source, name: str, content: Content, continued: Continued | None, lease: HeldLease
    ) -> None:
        ledger, workspace = self.state.ingested_files, self.workspace.name
        older = (
            content.older if content.older and content.older.at > (continued.at if continued else 0) else None
        )
        at, lines = _start(continued, older, content)
        begun = ledger.begin(
            name, source.name, self.options, content.size, workspace,
            done=at, lines=lines, closing=content.closing, head=content.head, marks=content.marks,
        )  # fmt: skip
        if begun.finished is not None:
            self.tally.known += 1
            self.tally.known_rows += begun.rows
            self.advance(packed_size(source.path))
            if content.failure:
                self.tally.failed[source.name] = content.failure
            return
        if older is not None and begun.chunk < 0:
            told = self.tally.older if at else self.tally.overlapping
            told[source.name] = f"{older.later.name} ({at:,} of {content.size:,} bytes)"
            if at == content.size:
                self.tally.known += 1
                self.advance(packed_size(source.path))
                ledger.advance(
                    name, chunk=0, done=at, rows=0, bad=0, workspace=workspace, sure=older.at, lines=lines
                )
                ledger.finish(name, workspace)
                return
        self._go_on(source, name, begun, content, None if older else continued, lease)
        ledger.finish(name, workspace)
        if continued is not None and continued.at:
            ledger.unmark(continued.earlier.identity, workspace)

    def _go_on(
        self,
        source: Source,
        name: str,
        begun: IngestedFile,
        content: Content,
        continued: Continued | None,
        lease: HeldLease,
    ) -> None:
        """Read what is not there yet, and count what that is."""
        self.tally.resumed += begun.chunk >= 0
        cut = False
        if continued is not None and begun.chunk < 0:
            cut = continued.cut
            if continued.at or cut:
                self.tally.continued += 1
            elif continued.earlier.rows:
                self.tally.grown.append(source.name)
        self.tally.unfinished = source.name
        self._read(source, name, begun, None if content.failure else content.size, lease, cut=cut)
        self.tally.read += 1
        self.tally.unfinished = ""

    def _adopt(self, source: Source, one: IngestedFile, content: str, earlier: Earlier) -> None:
        """A load whose path told nothing was of this file, whose path tells its resource: it is of no other file any more."""
        name = self._name(source.name, content, earlier)
        earlier.add(self.state.ingested_files.adopt(one, name, source.name))
        if one.rows:
            self.tally.unplaced[source.name] = one.name

    def _name(self, path: str, content: str, earlier: Earlier) -> str:
        """What names a load: the content with what else decides its rows, the options and what the path tells."""
        said = told_by_path(path)
        decisive = f"{self.options}\0{said}" if said else self.options
        name = f"{content}-{blake2b(decisive.encode(), digest_size=6).hexdigest()}" if decisive else content
        return name + again(earlier.run)

    def _producer(self, name: str) -> str:
        return f"{FILE}{self.workspace.name}-{name}"

    def _read(
        self, source: Source, name: str, begun: IngestedFile, size: int | None, lease: HeldLease, *, cut: bool
    ) -> None:
        """Take in what is not there yet of the first `size` bytes (None = all): what is appended meanwhile has not been looked at."""
        writer = self.lake.writer()
        chunk = _next(begun) - 1
        with opened(source, self.limits, self.advance, size) as stream:
            if cut:
                self.tally.cut[source.name] = self._lines(source, begun.done) + 1
            for chunk, parsed in self._blocks(stream, source.name, begun, lease):
                self._append(writer, parsed, self._producer(name), chunk, lease)
                self.tally.add(parsed, self.workspace.subscriptions)
                self._note(name, chunk, parsed)
            if isinstance(stream, LogStream) and stream.failure:
                self._failed(writer, source, stream, self._producer(name), chunk + 1)

    def _append(self, writer: Writer, parsed: Parsed, producer: str, sequence: int, lease: HeldLease) -> None:
        """Append a block, waiting while the spool is full and while the disk is; SpoolFullError where the spool stays full."""
        wait = Wait(self.waits, PATIENCE)
        while True:
            try:
                writer.append(
                    self.workspace.name, parsed.tables, bad=parsed.bad, producer=producer, sequence=sequence
                )
            except SpoolFullError as error:
                wait.pause(error)
                with suppress(StateError):  # a full disk takes no renewal either, of nobody
                    lease.renew()
            else:
                wait.over()
                return

    def _lines(self, source: Source, size: int) -> int:
        """How many lines the first bytes of a file are."""
        return LogStream(source, self.limits, lambda _: None).skip(size)

    def _blocks(
        self, stream: BinaryIO, name: str, begun: IngestedFile, lease: HeldLease
    ) -> Iterator[tuple[int, Parsed]]:
        """The blocks of a load from where it stands, each with its number; `name` is the path that tells of its records."""
        blocks = read(
            stream,
            self.formats,
            replace(self.context, source=name),
            tables=self.lake.tables,
            workspace=self.workspace,
            resume_at=begun.done,
            text=begun.lines,
            from_start=True,
        )
        for chunk, parsed in enumerate(blocks, _next(begun)):
            if not lease.keep():
                raise LakeError(f"{name}: another process goes on with this load")
            yield chunk, parsed

    def _note(self, name: str, chunk: int, parsed: Parsed) -> None:
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


def _start(continued: Continued | None, older: Older | None, content: Content) -> tuple[int, bool | None]:
    """From which byte on a content is read, and whether as lines of text: behind what is there already."""
    if older is None:
        return (continued.at, continued.earlier.lines) if continued else (0, None)
    if older.whole:
        return content.size, older.later.lines
    return (older.at, older.later.lines) if content.lined else (0, None)


def _next(begun: IngestedFile) -> int:
    """The number of the block that a load goes on with; one that stands at its beginning begins anew."""
    return begun.chunk + 1 if begun.done else 0
