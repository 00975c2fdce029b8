"""Verdicts of files, kept in a folder under the digest of everything that they rest on.

A verdict is found again only where the file, the files that it read, its parameters, the scope, the policies with what is assigned
and exempted, and the product itself are the same: all but the files that it read are in the name of the entry, and those are in the
entry with their digests. An entry is written whole or not at all, so that processes may share a folder. One that is damaged is
told and judged anew. The folder holds no more than a bound; what was not used for the longest time goes first.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from nephoscope.posture.code.template.file_verdict import FileVerdict

_MAGIC = b"nephoscope verdict 1\n"
_SUFFIX = ".verdict"
_DIGEST = hashlib.sha256().digest_size
#: Seconds after which the use of an entry is noted again.
_NOTED = 3600
#: Of the bound, what a folder holds after entries were removed.
_KEPT = 0.8
_LARGEST = 64 << 20
_NUMBERS = itertools.count()
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC

Held = Callable[[str], str]
"""Gives the digest of what a file of the repository holds now, '' where there is none."""


class VerdictCache(msgspec.Struct):
    """The entries of a folder that rest on `basis`; `largest` bounds the folder in bytes.

    `damaged` names the entries that could not be used, `failure` says why nothing is kept any more ('' = it is).
    """

    folder: Path
    basis: bytes
    largest: int
    damaged: list[str] = msgspec.field(default_factory=list)
    failure: str = ""
    _written: int = 0

    def find(self, key: bytes, held: Held) -> FileVerdict | None:
        """Give the verdict of a key where the files that it read hold what they held then; None where it must be judged."""
        path = self._get_path(key)
        try:
            status = path.stat()
            data = path.read_bytes() if status.st_size <= _LARGEST else b""
        except OSError:
            return None
        found = _decode_verdict(data)
        if found is None:
            self.damaged.append(path.name)
            return None
        if any(held(name) != digest for name, digest in found.loaded):
            return None
        if time.time() - status.st_mtime > _NOTED:
            self._touch_cache_entry(path)
        return found

    def keep(self, key: bytes, verdict: FileVerdict) -> None:
        """Keep a verdict that lasts; a folder that cannot be written to keeps none."""
        if self.failure or not verdict.lasting:
            return
        data = msgspec.msgpack.encode(verdict)
        path = self._get_path(key)
        try:
            _replace_file(path, b"".join((_MAGIC, hashlib.sha256(data).digest(), data)))
        except OSError as error:
            self.failure = f"{self.folder}: {error.strerror or error}"
        else:
            self._written += 1

    def prune(self) -> None:
        """Remove the entries that were not used for the longest time where a folder that was written to holds too much."""
        if not self._written:
            return
        try:
            self._prune_entries()
        except OSError as error:
            self.failure = f"{self.folder}: {error.strerror or error}"

    def _prune_entries(self) -> None:
        entries = sorted(self._list_entries())
        total = sum(size for _, size, _ in entries)
        if total <= self.largest:
            return
        for _, size, path in entries:
            if total <= self.largest * _KEPT:
                return
            total -= size
            path.unlink(missing_ok=True)

    def _get_path(self, key: bytes) -> Path:
        name = hashlib.sha256(b"%d:%b%b" % (len(self.basis), self.basis, key)).hexdigest()
        return self.folder / name[:2] / f"{name[2:]}{_SUFFIX}"

    def _list_entries(self) -> list[tuple[float, int, Path]]:
        """When each entry was used last, its bytes, and its file; files that a process left half written among them."""
        found = []
        for folder in filter(Path.is_dir, self.folder.iterdir()):
            with os.scandir(folder) as listed:
                for one in listed:
                    try:
                        status = one.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue  # another process removed it
                    found.append((status.st_mtime, status.st_size, Path(one.path)))
        return found

    @staticmethod
    def _touch_cache_entry(path: Path) -> None:
        try:
            os.utime(path)
        except OSError:
            return  # another process removed it, or the folder may only be read


def hash_content(data: bytes) -> str:
    """Give the digest of what a file holds."""
    return hashlib.sha256(data).hexdigest()


def _decode_verdict(data: bytes) -> FileVerdict | None:
    """The verdict in the bytes of an entry, None where it is damaged."""
    start = len(_MAGIC) + _DIGEST
    body = memoryview(data)[start:]
    if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != data[len(_MAGIC) : start]:
        return None
    try:
        return msgspec.msgpack.decode(body, type=FileVerdict)
    except msgspec.DecodeError:
        return None


def _replace_file(path: Path, data: bytes) -> None:
    """Write a file whole; its half is under a name that no other process or thread writes to."""
    half = path.with_name(f".{os.getpid()}-{next(_NUMBERS)}")
    try:
        handle = os.open(half, _WRITING, 0o600)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(half, _WRITING, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
