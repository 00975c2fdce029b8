"""The file of a backup: a tar of files, each with its hash in the manifest, which is the last of them.

Format: POSIX.1-2001 pax; the manifest is JSON. Nothing but regular files with relative names, so that reading writes nowhere else.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Self, cast

import msgspec

from nephoscope.lake.errors import LakeError

MANIFEST = "manifest.json"
VERSION = 1
#: A manifest has about 150 bytes for a file.
MOST_MANIFEST = 1 << 28
#: Files of databases and servers at work, which no backup holds: SQLite would follow what a journal of a stranger says.
_NEVER = frozenset(
    ("state.db-wal", "state.db-shm", "state.db-journal", "pins", "query-history", "server.json", "server.lock")
)  # fmt: skip
_BLOCK = 1 << 20
#: What a name that was changed may run into.
_BAD_NAMES = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EINVAL)


class BackupError(LakeError):
    """A backup that cannot be made, or a file that is none or is damaged; the text says what and what to do."""


class BackupEntry(msgspec.Struct, frozen=True):
    """A file of a backup: its name in the data folder, its bytes, their SHA-256 in hexadecimal."""

    name: str
    size: int
    hash: str


class BackupManifest(msgspec.Struct, frozen=True):
    """Manifest of a backup: its time, the tables' versions ("workspace/table" -> version), every file, a hash over all that."""

    made: str
    tables: dict[str, int]
    keys: bool
    entries: list[BackupEntry]
    version: int = VERSION
    hash: str = ""

    @property
    def names(self) -> list[str]:
        """The files, relative to the data folder."""
        return [entry.name for entry in self.entries]

    def seal(self) -> Self:
        """The manifest with its own hash."""
        return msgspec.structs.replace(self, hash=self._compute_hash())

    def check(self) -> None:
        """BackupError where the manifest is not what was written."""
        if self.version != VERSION:
            raise BackupError(f"the backup is of version {self.version}, this nephoscope reads {VERSION}")
        if self.hash != self._compute_hash():
            raise BackupError("the manifest of the backup was changed or is damaged")

    def _compute_hash(self) -> str:
        return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(self, hash=""))).hexdigest()


class HashingStream(io.RawIOBase):
    """A stream that reads at most so many bytes of another and hashes them."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self.left = file, size
        self._hash = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        found = self._file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(found)
        self._hash.update(found)
        return found

    def hexdigest(self) -> str:
        """The hash of what was read."""
        return self._hash.hexdigest()


class ArchiveWriter:
    """Writes a backup: files one after another, then the manifest."""

    def __init__(self, out: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BLOCK)  # noqa: SIM115
        self.entries: list[BackupEntry] = []

    def add(self, name: str, file: BinaryIO, size: int) -> None:
        """Add a file's first `size` bytes; BackupError where it has fewer."""
        source = HashingStream(file, size)
        try:
            self._tar.addfile(_build_member(name, size), cast("BinaryIO", source))
        except OSError as error:
            if source.left:
                raise BackupError(f"{name}: {source.left} bytes are missing; try again") from error
            raise
        self.entries.append(BackupEntry(name, size, source.hexdigest()))

    def close(self, made: str, tables: dict[str, int], *, keys: bool) -> BackupManifest:
        """Write the manifest; nothing can be added after it."""
        manifest = BackupManifest(made, tables, keys, self.entries).seal()
        data = msgspec.json.encode(manifest)
        self._tar.addfile(_build_member(MANIFEST, len(data)), io.BytesIO(data))
        self._tar.close()
        return manifest


def _build_member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def unpack_backup(
    file: BinaryIO, folder: Path | None, wanted: Callable[[str], bool] = lambda _: True
) -> Iterator[tuple[BackupEntry, BackupManifest | None]]:
    """Read a backup: each file with what it hashes to, and at the last one (the manifest) what it should be, compared.

    The files whose names are `wanted` are written below `folder` (None: nowhere). BackupError where a byte of them, a name or the end
    is not as it was.
    """
    try:
        yield from _unpack_members(file, folder, wanted)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise BackupError(f"not a backup, or damaged: {error}") from error
    except OSError as error:
        if error.errno not in _BAD_NAMES:
            raise
        raise BackupError(f"{error.filename!r} is not allowed in a backup") from error


def _unpack_members(
    file: BinaryIO, folder: Path | None, wanted: Callable[[str], bool]
) -> Iterator[tuple[BackupEntry, BackupManifest | None]]:
    found: dict[str, BackupEntry] = {}
    manifest: BackupManifest | None = None
    for member, stream in _read_members(file):
        if manifest is not None:
            raise BackupError(f"{member.name} follows the manifest: the backup was changed")
        if member.name == MANIFEST:
            if member.size > MOST_MANIFEST:
                raise BackupError(f"the manifest of the backup has over {MOST_MANIFEST >> 20} MiB")
            manifest = _read_manifest(stream)
            _compare_with_manifest(manifest, found)
            yield BackupEntry(MANIFEST, member.size, ""), manifest
            continue
        if member.name in found:
            raise BackupError(f"{member.name} is in the backup twice")
        found[member.name] = _write_member(member, stream, folder if wanted(member.name) else None)
        yield found[member.name], None
    if manifest is None:
        raise BackupError("the backup is incomplete: it was truncated, or never finished")


def _read_members(file: BinaryIO) -> Iterator[tuple[tarfile.TarInfo, BinaryIO]]:
    with tarfile.open(fileobj=file, mode="r|", bufsize=_BLOCK) as tar:
        name = ""
        for member in tar:
            # a sparse file may be larger than the disk, whatever size the backup has
            stream = tar.extractfile(member) if member.isreg() and not member.issparse() else None
            if stream is None or not _is_inside(member.name):
                raise BackupError(f"{member.name!r} is not allowed in a backup")
            name = member.name
            yield member, cast("BinaryIO", stream)
        _check_end(file, tar.offset, name)


def _check_end(file: BinaryIO, offset: int, last: str) -> None:
    """BackupError where reading ended at a header that is damaged: a tar takes it for the end."""
    if not file.seekable():
        return
    file.seek(offset)
    header = file.read(tarfile.BLOCKSIZE)
    if len(header) == tarfile.BLOCKSIZE and any(header):
        raise BackupError(
            f"the backup is damaged at byte {offset}: no readable header after {last or 'its start'}"
        )


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\x00" not in name
    return inside and path.parts[0] not in _NEVER


def _write_member(member: tarfile.TarInfo, stream: BinaryIO, folder: Path | None) -> BackupEntry:
    source = HashingStream(stream, member.size)
    if folder is None:
        while source.read(_BLOCK):
            pass
    else:
        path = folder / member.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            while block := source.read(_BLOCK):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
    if source.left:
        raise BackupError(f"{member.name}: the backup is truncated in this file")
    return BackupEntry(member.name, member.size, source.hexdigest())


def _read_manifest(stream: BinaryIO) -> BackupManifest:
    try:
        manifest = msgspec.json.decode(stream.read(), type=BackupManifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"the manifest of the backup cannot be read: {error}") from error
    manifest.check()
    return manifest


def _compare_with_manifest(manifest: BackupManifest, found: dict[str, BackupEntry]) -> None:
    wanted = {entry.name: entry for entry in manifest.entries}
    for name, entry in found.items():
        if name not in wanted:
            raise BackupError(
                f"{name} is not in the manifest of the backup: its name is damaged, or it was added"
            )
        if wanted[name] != entry:
            raise BackupError(f"{name} differs from the backed-up file: its hash does not match")
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        raise BackupError(
            f"the backup lacks {missing[0]}" + (f" and {len(missing) - 1} more" if missing[1:] else "")
        )
