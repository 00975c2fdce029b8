"""The files of a load: paths, folders and globs; `.gz`, `.bz2`, `.xz`, `.zst` and `.zip` opened as bounded streams, UTF-16 recoded."""

from __future__ import annotations

import glob
import os
import re
from contextlib import contextmanager
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from nephoscope.files.snapshot_files import (
    ArchiveLimits,
    FileError,
    SourceFile,
    is_tape,
    iterate_entries,
    read_chunks,
)
from nephoscope.files.symlinks import explain_outside_link
from nephoscope.ingest.logs.append_detection import (
    DIGEST,
    HEAD,
    TAIL,
    AppendDetector,
    hash_head,
    read_trailing_brackets,
)
from nephoscope.ingest.logs.fingerprints import Fingerprints, LongerContents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from nephoscope.ingest.logs.append_detection import PrefixProof
    from nephoscope.ingest.logs.fingerprints import LongerContent
    from nephoscope.state.ingestion.ingested_files import IngestedFile

_PACKED = (".gz", ".bz2", ".xz", ".zst")
_LOGS = (
    ".json",
    ".jsonl",
    ".ndjson",
    ".jsonlines",
    ".log",
    ".txt",
    ".csv",
    ".tsv",
    ".parquet",
    ".avro",
    ".xml",
)
#: What a log that was turned over has behind its name: `auth.log.1`, `auth.log-20261126`.
_TURNED = re.compile(r"(?:\.\d{1,4}|-\d{8}(?:-\d+)?)$")
_WILD = re.compile(r"[*?\[]")
_BARE = re.compile(r"[^.]+")
_PARQUET = b"PAR1"
_READ = 1024 * 1024
_HEAD = 4096


class LogFileSet(NamedTuple):
    """The files of some paths in order, those in folders whose names are not of logs, and why a path could not be looked into."""

    sources: list[SourceFile]
    passed_over: list[Path]
    failed: dict[str, str]


def find_files(paths: Sequence[str], limits: ArchiveLimits) -> LogFileSet:
    """Every file that paths, folders and globs name; FileNotFoundError for what names none."""
    sources: dict[str, SourceFile] = {}
    passed_over: list[Path] = []
    failed: dict[str, str] = {}
    for text in paths:
        roots = [Path(text)] if os.path.exists(text) else _match_glob(text, failed)  # noqa: PTH110
        for root in roots:
            for path in _walk_log_files(root, passed_over, failed):
                for source in _list_sources(path, root, limits, passed_over):
                    sources.setdefault(source.name, source)
    return LogFileSet(list(sources.values()), passed_over, failed)


def _match_glob(pattern: str, failed: dict[str, str]) -> list[Path]:
    """Return what a glob names, but for links out of the folder in which it begins."""
    every = [Path(one) for one in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - absolute ones too
    if not every:
        raise FileNotFoundError(2, "no such file, folder or glob", pattern)
    begin = Path(*takewhile(lambda part: not _WILD.search(part), Path(pattern).parts))
    wrong = {path: explain_outside_link(path, (begin,)) for path in every}
    failed.update({str(path): why for path, why in wrong.items() if why})
    return [path for path, why in wrong.items() if not why]


def _list_sources(
    path: Path, root: Path, limits: ArchiveLimits, passed_over: list[Path]
) -> Iterator[SourceFile]:
    """A file, or the logs in an archive."""
    if path.suffix.lower() != ".zip":
        yield SourceFile(path, root)
        return
    for source in iterate_entries(path, root, limits, lambda _: True):
        name = source.entry.rsplit("/", 1)[-1]
        if not name or is_log(
            name
        ):  # an archive too, whose entry of the quarantine says how to get at what it holds
            yield source
        elif not name.startswith("."):
            passed_over.append(Path(source.name))


def _walk_log_files(root: Path, passed_over: list[Path], failed: dict[str, str]) -> Iterator[Path]:
    if os.path.isfile(root):  # noqa: PTH113 - False where it may not be asked
        yield root
        return
    if not os.path.isdir(root):  # noqa: PTH112
        failed[str(root)] = (
            "is no file and no folder: write what it gives into a file, or give it as standard input to `ingest -`"
        )
        return

    def record_unlisted_folder(error: OSError) -> None:
        failed[str(error.filename)] = f"cannot be listed: {error.strerror}"

    for folder, folders, names in os.walk(root, onerror=record_unlisted_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        _refuse_links(Path(folder), folders, root, failed)
        for name in sorted(names):
            path = Path(folder, name)
            if is_log(name) and os.path.isfile(path):  # noqa: PTH113
                if not _refuse_links(Path(folder), [name], root, failed):
                    yield path
            elif not name.startswith("."):
                passed_over.append(path)


def _refuse_links(folder: Path, names: Iterable[str], root: Path, failed: dict[str, str]) -> bool:
    """Return whether some of the names are links out of the root; each is told."""
    links = [path for path in (folder / name for name in names) if path.is_symlink()]
    wrong = {str(path): why for path in links if (why := explain_outside_link(path, (root,)))}
    failed.update(wrong)
    return bool(wrong)


def is_log(name: str) -> bool:
    """Return whether a file of this name in a folder is a log, also packed."""
    lowered = name.lower()
    if is_tape(lowered):
        return not lowered.startswith(".")
    for packed in _PACKED:
        lowered = lowered.removesuffix(packed)
    if lowered.startswith("."):
        return False
    turned = _TURNED.sub("", lowered)
    return lowered.endswith(".zip") or turned.endswith(_LOGS) or _BARE.fullmatch(turned) is not None


def strip_rotation_suffix(name: str) -> str:
    """The path of a file without what it has behind its name where it was turned over or packed: the same for all its versions."""
    folder, slash, base = name.rpartition("/")
    for packed in _PACKED:
        base = base.removesuffix(packed)
    return folder + slash + _TURNED.sub("", base)


def explain_unreadable_file(source: SourceFile) -> str:
    """Explain why a file cannot be opened; empty where it can."""
    try:
        with source.path.open("rb") as raw:
            raw.read(1)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return ""


def measure_packed_size(path: Path) -> int:
    """The bytes of a file as it lies; 0 where that cannot be asked."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


class LogStream:
    """The unpacked bytes of a file; what stops it before its end is kept in `failure`, and then the stream just ends.

    `end`: no more than so many bytes of it (None = all), and `closing` behind them.
    """

    def __init__(
        self,
        source: SourceFile,
        limits: ArchiveLimits,
        advance: Callable[[int], None],
        end: int | None = None,
        closing: bytes = b"",
    ) -> None:
        self._chunks = read_chunks(source, limits, advance)
        if end is not None:
            self._chunks = _limit_parts(self._chunks, end, closing)
        self._rest = b""
        self._ended = False
        self.at = 0
        self.failure = ""

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size` of them; b'' at the end."""
        while not self._rest and not self._ended:
            self._rest = self._read_next()
        found = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(found) :]
        self.at += len(found)
        return found if size >= 0 or not found else found + self.read()

    def _read_next(self) -> bytes:
        try:
            return next(self._chunks)
        except StopIteration:
            self._ended = True
        except FileError as error:
            self._ended, self.failure = True, str(error)
        return b""

    def skip(self, size: int) -> int:
        """Go over bytes, and say how many line breaks are among them."""
        lines = 0
        while size > 0 and (part := self.read(min(size, _READ))):
            size -= len(part)
            lines += part.count(b"\n")
        return lines

    def seekable(self) -> bool:
        """No."""
        return False


def _limit_parts(parts: Iterator[bytes], end: int, closing: bytes) -> Iterator[bytes]:
    """The first `end` bytes, and `closing` behind them; what stops them early is raised where it stops them."""
    left = end
    for part in parts:
        yield part[:left]
        left -= len(part)
        if left <= 0:
            break
    yield closing


@contextmanager
def open_source(
    source: SourceFile,
    limits: ArchiveLimits,
    advance: Callable[[int], None],
    end: int | None = None,
    closing: bytes = b"",
) -> Iterator[BinaryIO]:
    """The stream of a file's unpacked bytes; a whole Parquet file as it lies, since its reader goes back and forth.

    `end` and `closing` as for LogStream.
    """
    if not source.entry and source.path.is_file() and end in (None, measure_packed_size(source.path)):
        with source.path.open("rb") as raw:
            if raw.read(4) == _PARQUET:
                raw.seek(0)
                yield raw
                return
    yield LogStream(source, limits, advance, end, closing)  # type: ignore[misc]


class KnownLoads(NamedTuple):
    """Known loads that a content may continue (`shorter`), and those that may contain it (`longer`), with their marks."""

    shorter: AppendDetector
    longer: Sequence[tuple[IngestedFile, str]] = ()


class FileContent(NamedTuple):
    """Content of a file: the name of its content, its unpacked size, what stopped it early, what its beginning and its end are known
    by, the earlier loads that it is proved to continue, its marks, and the longer content that it is the
    beginning of. `lined`: it is no document of records, so that reading may begin behind any mark.
    """

    name: str
    size: int
    failure: str
    head: str
    closing: str
    proofs: tuple[PrefixProof, ...]
    marks: str = ""
    older: LongerContent | None = None
    lined: bool = False


def identify_file(
    source: SourceFile,
    limits: ArchiveLimits,
    earlier: Callable[[bytes], KnownLoads] = lambda _: KnownLoads(AppendDetector()),
) -> FileContent:
    """Return what names the content of a file; packed or not, the same content has the same name.

    `earlier` gives what a content may have to do with which begins so (its first 512 bytes, or all).
    """
    digest, size, failure = blake2b(digest_size=DIGEST), 0, ""
    growth, later, marks, head, tail = AppendDetector(), LongerContents(()), Fingerprints(b""), "", b""
    try:
        for chunk in read_chunks(source, limits, lambda _: None):
            if not size:
                known = earlier(chunk[:HEAD])
                head, growth, later, marks = (
                    hash_head(chunk), known.shorter, LongerContents(known.longer), Fingerprints(chunk[:_HEAD]),
                )  # fmt: skip
            _hash_chunk(chunk, size, digest, growth, later, marks)
            size += len(chunk)
            tail = (tail + chunk[-TAIL:])[-TAIL:]
    except FileError as error:
        failure = str(error)
    name = f"{digest.hexdigest()}-stopped" if failure else digest.hexdigest()
    older = later.best(size, tail, digest, document=marks.document)
    return FileContent(
        name,
        size,
        failure,
        head,
        read_trailing_brackets(tail),
        growth.list_proofs(),
        marks.text(),
        older,
        not marks.document,
    )


def _hash_chunk(
    chunk: bytes,
    size: int,
    digest: blake2b,
    growth: AppendDetector,
    later: LongerContents,
    marks: Fingerprints,
) -> None:
    """Take a chunk into the digest of the `size` bytes before it, and look at it at every place that is asked for."""
    at = 0
    while at < len(chunk):
        mark, wanted = marks.take_next_offset(chunk, at, size), later.find_next_place(size + at) - size
        stop = min((one for one in (mark, wanted) if at < one <= len(chunk)), default=len(chunk))
        part = chunk[at:stop]
        growth.feed(digest, size + at, part)
        digest.update(part)
        marks.add_part(part)
        at = stop
        if at == mark:
            marks.add(size + at, digest)
        if at == wanted:
            later.compare(size + at, digest)
