"""Snapshot files: walk folders and open .gz and .zip as bounded byte streams."""

from __future__ import annotations

import bz2
import codecs
import lzma
import os
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import msgspec

from nephoscope.files.gzip_stream import GzipStream
from nephoscope.files.symlinks import explain_outside_link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Progress = Callable[[int, int], None]

MANIFEST = "coverage.json"
CHUNK = 256 * 1024
_PACKED = 10
_SUFFIXES = (".json", ".jsonl", ".ndjson", ".jsonlines", ".csv")
_JSON = (*_SUFFIXES, *(suffix + ".gz" for suffix in _SUFFIXES))
#: The endings of tar archives, which are read as a stream of members and not as a file.
TAPES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_READ_SUFFIXES = (*_JSON, ".zip", *TAPES)
_PACKINGS = (".gz", ".bz2", ".xz", ".zip", ".tgz", ".tbz2", ".txz")


class FileError(OSError):
    """A file that cannot be read to its end; the message says why."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """Bounds on what hostile archives may unpack to: bytes per file, ratio to the packed size (beyond `free` bytes).

    `iterate_entries`: those of an archive that is listed, `members` those of one that is read as a stream.
    """

    unpacked: int = 256 * 1024**3
    ratio: int = 300
    free: int = 64 * 1024**2
    entries: int = 100_000
    members: int = 1_000_000


class SourceFile(msgspec.Struct, frozen=True):
    """A file, or an entry of a zip archive: its name for a place, and the argument it was found under.

    `label` is the name of what was copied into the file from elsewhere ('' = it has its own).
    """

    path: Path
    root: Path
    entry: str = ""
    label: str = ""

    @property
    def name(self) -> str:
        """The path, with `!entry` inside an archive."""
        if self.label:
            return self.label
        return f"{self.path}!{self.entry}" if self.entry else str(self.path)

    @property
    def is_manifest(self) -> bool:
        """Return whether this is the coverage manifest of a snapshot folder."""
        name = self.entry or self.label.rpartition("!")[2] or self.path.name
        return name.rsplit("/", 1)[-1].lower() == MANIFEST


def estimate_unpacked_size(roots: Sequence[Path]) -> int:
    """About how many bytes the files under existing paths hold; packed ones count tenfold."""
    return sum(
        path.stat().st_size * (_PACKED if path.suffix.lower() in _PACKINGS else 1)
        for root in roots
        for path in _walk_files(root)
        if path.exists() and not _leads_out(path, root)
    )


def iterate_sources(roots: Sequence[Path], limits: ArchiveLimits) -> Iterator[SourceFile]:
    """Every file to read, in a stable order: an argument itself whatever its name, in a folder those that look like JSON."""
    for root in roots:
        for path in _walk_files(root):
            if path.suffix.lower() == ".zip" and not _leads_out(path, root):
                yield from iterate_entries(path, root, limits)
            else:
                yield SourceFile(path, root)


def _leads_out(path: Path, root: Path) -> str:
    """Explain why what was found in a folder is not read: it is a link out of it; '' where it is none."""
    return explain_outside_link(path, (root,)) if path != root and path.is_symlink() else ""


def _walk_files(root: Path) -> Iterator[Path]:
    """The files of a folder, and the links to folders outside of it, which are told when they are read."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (path for name in folders if _leads_out(path := Path(folder, name), root))
        for name in sorted(names):
            if not name.startswith(".") and name.lower().endswith(_READ_SUFFIXES):
                yield Path(folder, name)


def is_json(name: str) -> bool:
    """Return whether a file of this name in a folder or an archive is read."""
    return name.lower().endswith(_JSON)


def is_tape(name: str) -> bool:
    """Return whether a file of this name is a tar archive."""
    return name.lower().endswith(TAPES)


def iterate_entries(
    path: Path, root: Path, limits: ArchiveLimits, wanted: Callable[[str], bool] = is_json
) -> Iterator[SourceFile]:
    """The wanted files in an archive; the archive itself where it cannot be listed, so that reading it says why."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        yield SourceFile(path, root)
        return
    if len(names) > limits.entries:
        yield SourceFile(path, root)
        return
    for name in names:
        if wanted(name):
            yield SourceFile(path, root, name)


def read_chunks(source: SourceFile, limits: ArchiveLimits, advance: Callable[[int], None]) -> Iterator[bytes]:
    """The unpacked bytes of a file; `advance` is told how many bytes of the file itself were read since the last call.

    Raises FileError when the file cannot be read to its end or unpacks beyond the limits.
    """
    if why := _leads_out(source.path, source.root):
        raise FileError(why)
    try:
        with _open_unpacked(source) as (stream, packed):
            yield from _transcode_to_utf8(_read_bounded_stream(stream, packed, limits, advance))
    except UnicodeError as error:
        raise FileError(
            f"has a byte order mark of UTF-16 or UTF-32, but is not text in that encoding: {error}"
        ) from error
    except (
        OSError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        zipfile.BadZipFile,
        RuntimeError,
        NotImplementedError,
    ) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"cannot be read: {error.args[-1] if error.args else error}") from error


def _transcode_to_utf8(stream: Iterator[bytes]) -> Iterator[bytes]:
    """The bytes in UTF-8 without a mark; UTF-16, as PowerShell writes with `>`, and UTF-32 with its mark are recoded."""
    first = next(stream, b"")
    encoding = _detect_utf16(first)
    if not encoding:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from stream
        return
    decoder = codecs.getincrementaldecoder(encoding)()
    yield decoder.decode(first).encode()
    for chunk in stream:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", final=True).encode()


def _detect_utf16(first: bytes) -> str:
    """The encoding by its mark, of UTF-16 without one by the zeros beside its first two characters; "" for UTF-8."""
    if first.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = "".join("x" if byte else "0" for byte in first[:4])
    return {"x0x0": "utf-16-le", "0x0x": "utf-16-be"}.get(zeros, "")


def _read_bounded_stream(
    stream: IO[bytes], packed: Callable[[], int], limits: ArchiveLimits, advance: Callable[[int], None]
) -> Iterator[bytes]:
    unpacked = reported = 0
    while chunk := stream.read(CHUNK):
        unpacked += len(chunk)
        read = packed()
        if unpacked > limits.unpacked or unpacked > limits.free + limits.ratio * max(read, 1):
            raise FileError(f"unpacks to more than {limits.ratio} times its size or {limits.unpacked} bytes")
        yield chunk
        advance(read - reported)
        reported = read


@contextmanager
def _open_unpacked(source: SourceFile) -> Iterator[tuple[IO[bytes], Callable[[], int]]]:
    """The unpacked stream and a function that tells how many packed bytes have been read."""
    with source.path.open("rb") as raw:
        if source.entry:
            with zipfile.ZipFile(raw) as archive, archive.open(source.entry) as entry:
                size = archive.getinfo(source.entry).compress_size
                with _unpack_stream(source.entry, entry) as stream:
                    yield stream, lambda: size
            return
        if source.path.suffix.lower() == ".zip":
            with zipfile.ZipFile(raw) as archive:
                raise FileError(f"the archive has {len(archive.infolist())} entries, more than the limit")
        with _unpack_stream(source.path.name, raw) as stream:
            yield stream, raw.tell


_OPENERS: dict[str, Callable[[IO[bytes]], bz2.BZ2File | lzma.LZMAFile]] = {
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
}


@contextmanager
def _unpack_stream(name: str, raw: IO[bytes]) -> Iterator[IO[bytes]]:
    if name.lower().endswith(".zst"):
        import pyarrow as pa

        with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd") as unzipped:
            yield unzipped
        return
    if opener := _OPENERS.get(Path(name).suffix.lower()):
        with opener(raw) as unzipped:
            yield unzipped
        return
    if not name.lower().endswith(".gz"):
        yield raw
        return
    yield GzipStream(raw)  # type: ignore[misc]


class ByteMeter:
    """Counts the bytes of a load against its total and tells a callback `(done, total)`."""

    def __init__(self, roots: Sequence[Path], progress: Progress | None) -> None:
        self._progress = progress
        self._done = 0
        self._total = (
            sum(path.stat().st_size for root in roots for path in _walk_files(root)) if progress else 0
        )

    def advance(self, count: int) -> None:
        """Tell that so many more bytes were read."""
        if self._progress and count:
            self._done += count
            self._progress(min(self._done, self._total), self._total)
