"""Tar archive as a stream, compressed or not: each member is extracted, read and removed in turn.

Nothing of a member's name becomes a path. Bounded are the members, what they unpack to, and the headers, which may be members too.
Format: https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import errno
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nephoscope.files.snapshot_files import FileError, SourceFile
from nephoscope.files.tar_recovery import TapeRuns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from nephoscope.files.snapshot_files import ArchiveLimits

_HEADERS = (
    tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE,
)  # fmt: skip
#: A header that is a member is held in memory: a name or a path is never so long.
_LONGEST_HEADER = 1024 * 1024
_PART = 1024 * 1024
_TOLD = 6


def _refuse_tar_file(error: OSError) -> None:
    raise error


class _TarMember(tarfile.TarInfo):
    """A header whose size is looked at before what belongs to it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: Any, errors: str) -> _TarMember:
        """The header in a block; ReadError where it is too large, or cut, which tarfile takes for the end of an archive."""
        if 0 < len(buf) < tarfile.BLOCKSIZE:
            raise tarfile.ReadError("it ends within a header")
        made = super().frombuf(buf, encoding, errors)
        if made.type in _HEADERS and made.size > _LONGEST_HEADER:
            raise tarfile.ReadError(f"a header of {made.size} bytes")
        return made

    @classmethod
    def fromtarfile(cls, archive: _Archive) -> _TarMember:  # type: ignore[override]
        """The next header; where it is none, its place is kept, as the archive looks for one in the next block."""
        try:
            made = super().fromtarfile(archive)
        except tarfile.InvalidHeaderError:  # type: ignore[attr-defined] # typeshed has it not
            archive.record_damaged_block(archive.offset)
            raise
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined] # typeshed has it not
            archive.ends = True
            raise
        archive.ends = False
        return made


class _Archive(tarfile.TarFile):
    """A run of an archive that goes on behind a damaged header.

    `damaged` are the place (byte of the run) of the first one and how many there are, `ends` whether a block of zeros is behind the
    last member, as at the end of an archive.
    """

    tarinfo = _TarMember
    damaged: tuple[int, int] = (0, 0)
    ends = False
    _last = -tarfile.BLOCKSIZE

    def record_damaged_block(self, place: int) -> None:
        """Keep the place of a block that is no header; those right behind one are of the same damage."""
        first, count = self.damaged
        if count == 0 or place != self._last + tarfile.BLOCKSIZE:
            self.damaged = (first if count else place, count + 1)
        self._last = place

    def iterate_members(self) -> Iterator[tarfile.TarInfo]:
        """The members one after another, of which none is kept."""
        while (member := self.next()) is not None:
            self.members.clear()  # type: ignore[attr-defined] # typeshed has it not
            yield member


def iterate_members(
    source: SourceFile,
    limits: ArchiveLimits,
    folder: Path,
    wanted: Callable[[str], bool],
    passed_over: list[Path],
    special: list[Path],
    full: Callable[[OSError], object] = _refuse_tar_file,
) -> Iterator[SourceFile]:
    """The wanted files of an archive one after another, each as a file in a folder that goes when the next is asked for.

    FileError where the archive has a damage or cannot be read to its end: what could be read was given, also of a member that is cut.
    Names that are not wanted go to `passed_over`; links, devices and files with holes to `special`. Where the folder has no room
    `full` is called with the OSError, and it is tried again; without it that error ends the archive.
    """
    try:
        opened = source.path.open("rb")
    except OSError as error:
        raise FileError(f"cannot be read: {error.strerror}") from error
    with opened as raw:
        runs = TapeRuns(raw, source.path.suffix.lower(), limits)
        yield from _TarReading(
            source, limits, folder, wanted, passed_over, special, runs, full
        ).iterate_members()


@dataclass
class _TarReading:
    """How far an archive is read: its members so far, the last one's name, whether that was cut, and what is wrong with it."""

    source: SourceFile
    limits: ArchiveLimits
    folder: Path
    wanted: Callable[[str], bool]
    passed_over: list[Path]
    special: list[Path]
    runs: TapeRuns
    full: Callable[[OSError], object]
    count: int = 0
    last: str = ""
    cut: bool = False
    wrong: list[str] = field(default_factory=list)

    def iterate_members(self) -> Iterator[SourceFile]:
        """Yield the members of the archive as `iterate_members` does; FileError at the end where it is damaged."""
        going = True
        while going:
            yield from self._read_members()
            going = self.runs.start_next_run()
            if going:
                self.wrong.append(f"it was read on at the header at byte {self.runs.place:,}")
        if self.wrong or self.runs.failure:
            raise FileError(self._describe_damage())

    def _read_members(self) -> Iterator[SourceFile]:
        """The members of a run; what is wrong with it is noted."""
        begin, self.cut = self.runs.place, False
        stream: Any = self.runs
        try:
            # zeros end no archive: one may follow behind another
            with _Archive.open(fileobj=stream, mode="r|", bufsize=_PART, ignore_zeros=True) as archive:
                yield from self._list_wanted_members(archive)
                self._check_end(archive, begin)
        except tarfile.TarError as error:
            self._record_error(error)

    def _list_wanted_members(self, archive: _Archive) -> Iterator[SourceFile]:
        for member in archive.iterate_members():
            self.count, self.last = self.count + 1, member.name
            if self.count > self.limits.members:
                raise FileError(f"the archive has more than {self.limits.members:,} members")
            base = member.name.rsplit("/", 1)[-1]
            if member.isdir() or base.startswith("."):
                continue
            plain = member.isreg() and not member.issparse()
            if plain and self.wanted(base):
                yield from self._extract_member(archive, member, base)
            else:
                (self.passed_over if plain else self.special).append(Path(self._get_member_name(member)))

    def _get_member_name(self, member: tarfile.TarInfo) -> str:
        return f"{self.source.path}!{member.name}"

    def _extract_member(self, archive: _Archive, member: tarfile.TarInfo, base: str) -> Iterator[SourceFile]:
        suffix = Path(base).suffix
        # an archive in an archive is not opened: it is a file whose content says what it is
        path = self.folder / f"member{'' if suffix.lower() == '.zip' else suffix}"
        try:
            there = self._write_member(archive, member, path)
            if there < member.size:
                self.cut = True
                self.wrong.append(
                    f"{member.name} is cut: {there:,} of its {member.size:,} bytes are there, and were read"
                )
            yield SourceFile(path, self.source.root, label=self._get_member_name(member))
        finally:
            path.unlink(missing_ok=True)

    def _write_member(self, archive: _Archive, member: tarfile.TarInfo, path: Path) -> int:
        """Write what is there of a member, and say how many bytes that is."""
        stream: Any = archive.fileobj
        stream.seek(member.offset_data)
        left = member.size
        with path.open("wb", buffering=0) as file:
            while left and (part := stream.read(min(left, _PART))):
                left -= len(part)
                while part:
                    try:
                        part = part[file.write(part) :]
                    except OSError as error:
                        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                            raise
                        self.full(error)
        return member.size - left

    def _check_end(self, archive: _Archive, begin: int) -> None:
        place, count = archive.damaged
        if count:
            self.wrong.append(
                f"the header at byte {begin + place:,} is damaged{f', and {count - 1:,} others' if count > 1 else ''}: "
                "what lies between such a place and the next header was not read, all else was"
            )
        if not archive.ends:
            self.wrong.append(
                f"it breaks off behind {self.last}, without the zeros that end an archive: what came behind is missing"
            )

    def _record_error(self, error: tarfile.TarError) -> None:
        """Note what ended a run; FileError where more of it is there, which nothing tells how to read."""
        if not self.count or not self.runs.is_over:
            why = self.runs.failure or str(error)
            raise FileError("; ".join([*self.wrong, f"cannot be read as a tar archive: {why}"])) from error
        if not self.cut:
            self.wrong.append(f"it breaks off behind or within {self.last}: {error}")

    def _describe_damage(self) -> str:
        damages = self.wrong[:_TOLD]
        more = len(self.wrong) - _TOLD
        if more > 0:
            damages.append(f"and {more:,} more such places")
        if self.runs.failure:
            damages.append(f"unpacked were {self.runs.place:,} bytes: {self.runs.failure}")
        return "; ".join([*damages, f"{self.count:,} members were found"])
