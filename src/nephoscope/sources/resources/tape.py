"""Tar archives, also packed, as a stream: a member at a time is written to a file of its own, read, and removed.

Nothing of a member's name becomes a path. Bounded are the members, what they unpack to, and the headers, which may be members too.
Format: https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from nephoscope.sources.resources.files import FileError, Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.sources.resources.files import Limits

_OPENERS: dict[str, Callable[[Any], Any]] = {
    ".tar": lambda raw: raw,
    ".tgz": gzip.open,
    ".gz": gzip.open,
    ".tbz2": bz2.open,
    ".bz2": bz2.open,
    ".txz": lzma.open,
    ".xz": lzma.open,
}
_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
#: A header that is a member is held in memory: a name or a path is never so long.
_LONGEST_HEADER = 1024 * 1024
_PART = 1024 * 1024


class _Member(tarfile.TarInfo):
    """A header whose size is looked at before what belongs to it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: Any, errors: str) -> _Member:
        """The header in a block; ReadError where it is too large, or cut, which tarfile takes for the end of an archive."""
        if 0 < len(buf) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends within a header")
        made = super().frombuf(buf, encoding, errors)
        if made.type in _HEADERS and made.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {made.size} bytes")
        return made

    @classmethod
    def fromtarfile(cls, archive: _Archive) -> _Member:  # type: ignore[override]
        """The next header; where it is none, its place is kept, as the archive looks for one in the next block."""
        try:
            return super().fromtarfile(archive)
        except tarfile.InvalidHeaderError:  # type: ignore[attr-defined] # typeshed has it not
            archive.found_damaged(archive.offset)
            raise


class _Archive(tarfile.TarFile):
    """An archive that goes on behind a damaged header; `damaged` are the places (bytes) of the first and how many there are."""

    tarinfo = _Member
    damaged: tuple[int, int] = (0, 0)
    _last = -tarfile.BLOCKSIZE

    def found_damaged(self, place: int) -> None:
        """Keep the place of a block that is no header; those right behind one are of the same damage."""
        first, count = self.damaged
        if count == 0 or place != self._last + tarfile.BLOCKSIZE:
            self.damaged = (first if count else place, count + 1)
        self._last = place


class _Bounded:
    """The unpacked bytes of an archive; FileError where they are more than its own bytes may give."""

    def __init__(self, raw: IO[bytes], stream: IO[bytes], limits: Limits) -> None:
        self._raw, self._stream, self._limits = raw, stream, limits
        self._unpacked = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._unpacked += len(data)
        limits = self._limits
        if self._unpacked > min(limits.unpacked, limits.free + limits.ratio * max(self._raw.tell(), 1)):
            raise FileError(f"unpacks to more than {limits.ratio} times its size or {limits.unpacked} bytes")
        return data


def members(
    source: Source,
    limits: Limits,
    folder: Path,
    wanted: Callable[[str], bool],
    passed_over: list[Path],
    special: list[Path],
) -> Iterator[Source]:
    """The wanted files of an archive one after another, each as a file in a folder that goes when the next is asked for.

    FileError where the archive has a damage or cannot be read to its end: those that could be read were given. Names that are not
    wanted go to `passed_over`; links, devices and files with holes to `special`.
    """
    with _opened(source, limits) as archive:
        for number, member in enumerate(archive):
            if number >= limits.entries:
                raise FileError(f"the archive has more than {limits.entries} entries")
            base = member.name.rsplit("/", 1)[-1]
            if member.isdir() or base.startswith("."):
                continue
            plain = member.isreg() and not member.issparse()
            content = archive.extractfile(member) if plain and wanted(base) else None
            if content is None:
                (passed_over if plain else special).append(Path(f"{source.path}!{member.name}"))
                continue
            suffix = Path(base).suffix
            # an archive in an archive is not opened: it is a file whose content says what it is
            path = folder / f"member{'' if suffix.lower() == '.zip' else suffix}"
            try:
                _write(content, path)
                yield Source(path, source.root, label=f"{source.path}!{member.name}")
            finally:
                path.unlink(missing_ok=True)
        place, count = archive.damaged
        if count:
            raise FileError(
                f"the header at byte {place:,} is damaged{f', and {count - 1:,} others' if count > 1 else ''}: "
                "what lies between such a place and the next header was not read, all else was"
            )


def _write(content: IO[bytes], path: Path) -> None:
    with path.open("wb") as file:
        while part := content.read(_PART):
            file.write(part)


@contextmanager
def _opened(source: Source, limits: Limits) -> Iterator[_Archive]:
    try:
        with source.path.open("rb") as raw:
            stream: Any = _Bounded(raw, _OPENERS[source.path.suffix.lower()](raw), limits)
            # zeros end no archive: one may follow behind another
            with _Archive.open(fileobj=stream, mode="r|", ignore_zeros=True) as archive:
                yield archive
    except FileError:
        raise
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise FileError(f"cannot be read as a tar archive: {error}") from error
