"""Files into the lake: each content once, taken up where it was interrupted, and what came of it counted."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from nephoscope.files.snapshot_files import ArchiveLimits, FileError, is_tape
from nephoscope.files.tar_archive import iterate_members
from nephoscope.ingest.logs.append_detection import ContinuedLoad
from nephoscope.ingest.logs.backpressure import LakeWait
from nephoscope.ingest.logs.concurrent_load import ConcurrentLoadError
from nephoscope.ingest.logs.load_files import (
    KnownLoads,
    LogStream,
    explain_unreadable_file,
    identify_file,
    is_log,
    measure_packed_size,
    open_source,
)
from nephoscope.ingest.logs.load_registry import FileLoad, FileLoads
from nephoscope.ingest.logs.load_tally import LoadTally
from nephoscope.ingest.logs.log_reader import read
from nephoscope.ingest.logs.previous_loads import PreviousLoads, find_path_context, repeat_suffix
from nephoscope.lake.errors import LakeError, NoRoomError, SpoolFullError
from nephoscope.lake.writing.quarantine import QuarantineEntry
from nephoscope.state.database.database import StateError
from nephoscope.state.ingestion.ingested_files import Chunk
from nephoscope.state.ingestion.producers import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlalchemy.orm import Session

    from nephoscope.files.snapshot_files import SourceFile
    from nephoscope.ingest.logs.append_detection import PrefixProof
    from nephoscope.ingest.logs.discovery import Formats
    from nephoscope.ingest.logs.fingerprints import LongerContent
    from nephoscope.ingest.logs.load_files import FileContent
    from nephoscope.ingest.logs.log_format import StreamContext
    from nephoscope.ingest.logs.parsed_batch import ParsedBatch
    from nephoscope.lake.lake import Lake
    from nephoscope.lake.writing.writer import Writer
    from nephoscope.state import State
    from nephoscope.state.ingestion.ingested_files import IngestedFile
    from nephoscope.state.state_ledger import HeldLease
    from nephoscope.state.workspaces.workspace import Workspace

#: How long a full spool is waited for: the flusher empties it meanwhile. A full disk is waited for until there is room.
PATIENCE = 120.0
_LOG = logging.getLogger("nephoscope.ingestion")
#: How long a load is another's when its host is gone: longer than a block may wait for a full spool.
_HELD = 2 * PATIENCE


@dataclass(frozen=True)
class FileIngestion:
    """Ingestion of files in given formats into a workspace of a lake.

    `again` takes content in that was taken in before, once more: it names what is asked for, and a load of that name that was
    interrupted goes on ('' = each content once). `advance` is told of bytes of the files that were
    read, `waits` why it waits while the lake takes nothing; `scratch` is a folder for members of archives.
    """

    lake: Lake
    state: State
    workspace: Workspace
    formats: Formats
    context: StreamContext
    again: str = ""
    options: str = ""
    limits: ArchiveLimits = field(default_factory=ArchiveLimits)
    scratch: Path = Path()
    advance: Callable[[int], None] = lambda _: None
    waits: Callable[[str], None] = _LOG.warning
    tally: LoadTally = field(default_factory=LoadTally)

    @cached_property
    def _loads(self) -> FileLoads:
        return FileLoads(self.state, _HELD)

    def run(self, sources: Iterable[SourceFile]) -> None:
        """Take files in, one after another; SpoolFullError where the lake has no room for long: run again to go on."""
        run = self._repeat_suffix()
        earlier = PreviousLoads(self.state.ingested_files.all(self.workspace.name), run)
        try:
            for source in sources:
                if is_tape(source.path.name) and not source.entry:
                    self._load_archive(source, earlier)
                else:
                    self.file(source, earlier)
        finally:
            self._loads.settle()
        if run:
            self.state.repeated_loads.finish(self.workspace.name, self.again, run)

    def _repeat_suffix(self) -> str:
        """Return what names this load among those with --again; '' where it is none."""
        if not self.again:
            return ""
        load = self.state.repeated_loads.begin(self.workspace.name, self.again)
        self.tally.again_since = load.started if load.resumed else None
        return load.run

    def _load_archive(self, source: SourceFile, earlier: PreviousLoads) -> None:
        """Take in what a tar archive holds, a member at a time."""
        if why := explain_unreadable_file(source):
            self.tally.failed[source.name] = why
            return
        try:
            tally, wait = self.tally, LakeWait(self.waits, PATIENCE)

            def pause_for_room(error: OSError) -> None:
                wait.pause(NoRoomError(f"nothing can be unpacked: {error.strerror}"))

            for member in iterate_members(
                source, self.limits, self.scratch, is_log, tally.passed_over, tally.special, pause_for_room
            ):
                wait.finish()
                self.file(member, earlier)
        except FileError as error:
            self.tally.failed[source.name] = str(error)
        self.advance(measure_packed_size(source.path))

    def file(self, source: SourceFile, earlier: PreviousLoads) -> None:
        """Take a file in, unless its content is there; of one that has grown, what is new."""
        if why := explain_unreadable_file(source):
            self.tally.failed[source.name] = why
            return None
        while True:
            try:
                return self._ingest_new_file(source, earlier)
            except ConcurrentLoadError as others:
                for one in others.loads:
                    earlier.add(one)

    def _ingest_new_file(self, source: SourceFile, earlier: PreviousLoads) -> None:
        """`file` by the loads that are known; ConcurrentLoadError where others began one meanwhile that may be of this file."""
        starts = [b""]

        def find_known(start: bytes) -> KnownLoads:
            starts[0] = start
            return self._find_related_loads(source.name, start, earlier)

        def record_load(session: Session) -> None:
            ledger = self.state.ingested_files
            begun = earlier.find_unknown_loads(
                ledger.list_files_begun_since(session, self.workspace.name, earlier.seen)
            )
            if any(earlier.concerns(source.name, content.name, starts[0], one) for one in begun):
                raise ConcurrentLoadError(begun)
            for one in begun:
                earlier.add(one)

        content = identify_file(source, self.limits, find_known)
        same = earlier.find_same_load(source.name, content.name, self.options)
        name = same.identity if same else self._compute_name(source.name, content.name, earlier)
        others = [proof for proof in content.proofs if proof.earlier.identity != name]
        akin = [proof for proof in others if earlier.is_later_load(source.name, proof.earlier)]
        continued = ContinuedLoad.choose_best(self._continue(source, proof) for proof in akin)
        for proof in others:
            if proof not in akin and proof.earlier.rows:
                self.tally.alike[source.name] = proof.earlier.name
        before = [proof.earlier for proof in akin]
        if same is not None and same.finished is not None:
            self._count_known_file(source, content, [same, *before])
            loaded = same
        else:
            loaded = self._load_content(source, name, content, continued, before, record_load)
            earlier.add(loaded)
        if not find_path_context(source.name):
            return
        for one, content_ in (
            (loaded, content.name),
            *((one.earlier, one.earlier.content) for one in (continued,) if one),
        ):
            if not find_path_context(one.name):
                self._adopt_load(source, one, content_, earlier)

    def _count_known_file(
        self, source: SourceFile, content: FileContent, loads: Sequence[IngestedFile]
    ) -> None:
        """A file was taken in before, by so many loads."""
        self.tally.count_known_loads(loads)
        self.advance(measure_packed_size(source.path))
        if content.failure:
            self.tally.failed[source.name] = content.failure

    def _continue(self, source: SourceFile, proof: PrefixProof) -> ContinuedLoad:
        """Return where a file goes on that is proved to begin with what an earlier load took.

        Where that was interrupted, another process may still be at it: it is waited for. A block that was acknowledged and not
        noted, since its process was killed between the two, is noted first.
        """
        ledger, workspace = self.state.ingested_files, self.workspace.name
        self._loads.settle()
        one = ledger.get(proof.earlier.identity, workspace) or proof.earlier
        if one.finished is None:
            with self._loads.lock_content(one.identity, lambda _: one) as load:
                load.file = ledger.get(one.identity, workspace) or one
                if load.file.finished is None:
                    self._record_blocks(source, proof, load)
            one = ledger.get(one.identity, workspace) or one
        return ContinuedLoad.from_load(one, proof)

    def _record_blocks(self, source: SourceFile, proof: PrefixProof, load: FileLoad) -> None:
        """Note the blocks of an interrupted load that were acknowledged: the same bytes, cut into the same blocks."""
        one = load.file
        last = self.lake.writer().last(self._format_producer(one.identity))
        if last <= one.chunk:
            return
        with open_source(source, self.limits, lambda _: None, proof.at, proof.closing) as stream:
            for chunk, parsed in self._read_blocks(stream, one.name, load):
                if chunk > last:
                    return
                load.record_chunk(_build_chunk(chunk, parsed))
                load.store_chunk()
        load.end()
        self._loads.settle()

    def _find_related_loads(self, name: str, start: bytes, earlier: PreviousLoads) -> KnownLoads:
        """The loads that a content may have to do with which begins so."""
        found = earlier.find_longest_loads(name, start, self.options)
        marks: dict[str, str] = {}
        if found:
            self._loads.settle()
            marks = self.state.ingested_files.marks([one.identity for one in found], self.workspace.name)
        longer = [(one, marks[one.identity]) for one in found if one.identity in marks]
        return KnownLoads(earlier.find_appended_load(name, start, self.options), longer)

    def _load_content(
        self,
        source: SourceFile,
        name: str,
        content: FileContent,
        continued: ContinuedLoad | None,
        before: Sequence[IngestedFile],
        meanwhile: Callable[[Session], None],
    ) -> IngestedFile:
        """Load a content, unless another process has done so by now; `meanwhile` looks in its transaction at what others began."""
        older = (
            content.older if content.older and content.older.at > (continued.at if continued else 0) else None
        )
        at, lines = _find_start(continued, older, content)

        def begin(session: Session) -> IngestedFile:
            meanwhile(session)
            return self.state.ingested_files.begin_in_transaction(
                session, name, source.name, self.options, content.size, self.workspace.name,
                done=at, lines=lines, closing=content.closing, head=content.head, marks=content.marks,
            )  # fmt: skip

        with self._loads.lock_content(name, begin) as load:
            if load.file.finished is not None:
                self._count_known_file(source, content, [load.file, *before])
            elif older is not None and load.file.chunk < 0 and self._is_older(source, content, older, at):
                load.record_chunk(Chunk(0, at, sure=older.at, lines=lines))
                load.end()
            else:
                self._continue_load(source, load, content, None if older else continued)
                load.end(continued.earlier.identity if continued is not None and continued.at else "")
        return load.file

    def _is_older(self, source: SourceFile, content: FileContent, older: LongerContent, at: int) -> bool:
        """Tell that a content is the beginning of a longer one; whether all of it is there."""
        older_files = self.tally.older if at else self.tally.overlapping
        older_files[source.name] = f"{older.later.name} ({at:,} of {content.size:,} bytes)"
        if at == content.size:
            self.tally.known += 1
            self.advance(measure_packed_size(source.path))
        return at == content.size

    def _continue_load(
        self, source: SourceFile, load: FileLoad, content: FileContent, continued: ContinuedLoad | None
    ) -> None:
        """Read what is not there yet, and count what that is."""
        begun = load.file
        self.tally.resumed += begun.chunk >= 0
        cut = False
        if continued is not None and begun.chunk < 0:
            cut = continued.cut
            if continued.at or cut:
                self.tally.continued += 1
            elif continued.earlier.rows:
                self.tally.grown.append(source.name)
        self.tally.unfinished = source.name
        self._read_content(source, load, None if content.failure else content.size, cut=cut)
        self.tally.read += 1
        self.tally.unfinished = ""

    def _adopt_load(
        self, source: SourceFile, one: IngestedFile, content: str, earlier: PreviousLoads
    ) -> None:
        """A load whose path told nothing was of this file, whose path tells its resource: it is of no other file any more."""
        name = self._compute_name(source.name, content, earlier)
        self._loads.settle()
        earlier.add(self.state.ingested_files.adopt(one, name, source.name))
        if one.rows:
            self.tally.unplaced[source.name] = one.name

    def _compute_name(self, path: str, content: str, earlier: PreviousLoads) -> str:
        """Return what names a load: the content with what else decides its rows, the options and what the path tells."""
        said = find_path_context(path)
        decisive = f"{self.options}\0{said}" if said else self.options
        name = f"{content}-{blake2b(decisive.encode(), digest_size=6).hexdigest()}" if decisive else content
        return name + repeat_suffix(earlier.run)

    def _format_producer(self, name: str) -> str:
        return f"{FILE}{self.workspace.name}-{name}"

    def _read_content(self, source: SourceFile, load: FileLoad, size: int | None, *, cut: bool) -> None:
        """Take in what is not there yet of the first `size` bytes (None = all): what is appended meanwhile has not been looked at."""
        writer, producer = self.lake.writer(), self._format_producer(load.file.identity)
        chunk = _find_next_block(load.file) - 1
        with open_source(source, self.limits, self.advance, size) as stream:
            if cut:
                self.tally.cut[source.name] = self._count_lines(source, load.file.done) + 1
            for chunk, parsed in self._read_blocks(stream, source.name, load):
                load.store_chunk()
                self._append_block(writer, parsed, producer, chunk, load.lease)
                self.tally.add(parsed, self.workspace.subscriptions)
                load.record_chunk(_build_chunk(chunk, parsed))
            if isinstance(stream, LogStream) and stream.failure:
                self._quarantine_failure(writer, source, stream, producer, chunk + 1)

    def _append_block(
        self, writer: Writer, parsed: ParsedBatch, producer: str, sequence: int, lease: HeldLease
    ) -> None:
        """Append a block, waiting while the spool is full and while the disk is; SpoolFullError where the spool stays full."""
        wait = LakeWait(self.waits, PATIENCE)
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
                wait.finish()
                return

    def _count_lines(self, source: SourceFile, size: int) -> int:
        """Count how many lines the first bytes of a file are."""
        return LogStream(source, self.limits, lambda _: None).skip(size)

    def _read_blocks(self, stream: BinaryIO, name: str, load: FileLoad) -> Iterator[tuple[int, ParsedBatch]]:
        """The blocks of a load from where it stands, each with its number; `name` is the path that tells of its records."""
        begun = load.file
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
        for chunk, parsed in enumerate(blocks, _find_next_block(begun)):
            if not load.lease.keep():
                raise LakeError(f"{name}: another process resumed this load")
            yield chunk, parsed

    def _quarantine_failure(
        self, writer: Writer, source: SourceFile, stream: LogStream, producer: str, chunk: int
    ) -> None:
        """What stopped a file before its end is an entry of the quarantine."""
        self.tally.failed[source.name] = stream.failure
        self.tally.bad[stream.failure] += 1
        entry = QuarantineEntry(source.name, f"byte {stream.at}", stream.failure, "", "")
        writer.append(self.workspace.name, {}, bad=[entry], producer=producer, sequence=chunk)


def _find_start(
    continued: ContinuedLoad | None, older: LongerContent | None, content: FileContent
) -> tuple[int, bool | None]:
    """From which byte on a content is read, and whether as lines of text: behind what is there already."""
    if older is None:
        return (continued.at, continued.earlier.lines) if continued else (0, None)
    if older.whole:
        return content.size, older.later.lines
    return (older.at, older.later.lines) if content.lined else (0, None)


def _build_chunk(number: int, parsed: ParsedBatch) -> Chunk:
    rows = sum(rows.num_rows for rows in parsed.tables.values())
    return Chunk(number, max(parsed.end, 0), rows, len(parsed.bad), parsed.sure, parsed.text)


def _find_next_block(begun: IngestedFile) -> int:
    """The number of the block that a load goes on with; one that stands at its beginning begins anew."""
    return begun.chunk + 1 if begun.done else 0
