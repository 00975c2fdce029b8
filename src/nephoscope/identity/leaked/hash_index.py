"""Index of leaked password hashes: the first 64 bits of each, sorted, in a memory-mapped file, and how often each was seen.

What is kept of a hash cannot be turned back into it. Of a list of 1e9 two hashes share their 64 bits with a probability of 3 in 100,
and 1 of 1.8e10 hashes that are not listed is taken for one that is. Hashes are spread evenly, so that a look-up begins where its value
should be, and reads one or two pages of the file.
"""

from __future__ import annotations

import mmap
import os
import shutil
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.identity.leaked.password_hashes import ALGORITHMS

FOLDER = Path("identity") / "leaked"
#: In the place of an algorithm: the index of keyed hashes of user names with their passwords.
PAIRS = "pairs"
MANIFEST, PREFIXES, COUNTS = "current.json", "prefixes.u64", "counts.u32"
PREFIX_BYTES, COUNT_BYTES = 8, 4


class HashListError(Exception):
    """A list of hashes that cannot be used; the message says which and why."""


class HashListInfo(msgspec.Struct, frozen=True):
    """An index: `folder` holds its files, `origin` names the list as it was given, `keys` are those of its hashes in order."""

    algorithm: str
    folder: str
    entries: int
    origin: str
    imported: datetime
    keys: list[str] = []


@dataclass(slots=True)
class HashIndex:
    """An index that is open; close it, or use it with `with`."""

    info: HashListInfo
    _prefixes: memoryview
    _counts: memoryview
    _files: tuple[mmap.mmap | bytes, ...]

    @classmethod
    def open(cls, data: Path, algorithm: str) -> HashIndex | None:
        """Open the index of an algorithm, None where no list was imported; HashListError where its files are damaged."""
        info = read_info(data, algorithm)
        if info is None:
            return None
        folder = index_folder(data, algorithm) / info.folder
        sizes = ((PREFIXES, PREFIX_BYTES), (COUNTS, COUNT_BYTES))
        files = tuple(_map_file(folder / name, info.entries * size) for name, size in sizes)
        return cls(info, memoryview(files[0]).cast("Q"), memoryview(files[1]).cast("I"), files)

    def count(self, digest: bytes) -> int:
        """Return how often a hash was seen in leaks, 0 where it is not listed."""
        wanted = int.from_bytes(digest[:PREFIX_BYTES], "big")
        at = self._find_position(wanted)
        return self._counts[at] if at < len(self._prefixes) and self._prefixes[at] == wanted else 0

    def count_all(self, digests: Iterable[bytes]) -> list[int]:
        """Return `count` of each of several hashes."""
        return [self.count(one) for one in digests]

    def close(self) -> None:
        """Give the files back."""
        self._prefixes.release()
        self._counts.release()
        for one in self._files:
            if isinstance(one, mmap.mmap):
                one.close()

    def __enter__(self) -> HashIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find_position(self, wanted: int) -> int:
        """Return where a value stands or would stand: close to where evenly spread values have it, else anywhere."""
        whole = len(self._prefixes)
        guess, near = (wanted * whole) >> 64, 4 * int(whole**0.5) + 1
        low, high = max(0, guess - near), min(whole, guess + near)
        if (
            low < high
            and (low == 0 or self._prefixes[low - 1] < wanted)
            and (high == whole or wanted <= self._prefixes[high - 1])
        ):
            return bisect_left(self._prefixes, wanted, low, high)
        return bisect_left(self._prefixes, wanted)


def index_folder(data: Path, algorithm: str) -> Path:
    """Return where the indexes of an algorithm lie; HashListError for one that is not known."""
    if algorithm not in (*ALGORITHMS, PAIRS):
        raise HashListError(f"unknown algorithm {algorithm!r}: use {' or '.join(ALGORITHMS)}")
    return data / FOLDER / algorithm


def read_info(data: Path, algorithm: str) -> HashListInfo | None:
    """Return what the index of an algorithm is made of, None where there is none."""
    path = index_folder(data, algorithm) / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=HashListInfo)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise HashListError(f"{path}: not readable: import the list again") from error


def replace_index(data: Path, info: HashListInfo) -> None:
    """Let an index whose files are written be the one that is looked up from now on, and remove those before it."""
    folder = index_folder(data, info.algorithm)
    beside = folder / f"{MANIFEST}.new"
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(info))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / MANIFEST)
    for old in folder.iterdir():
        if old.is_dir() and old.name != info.folder:
            shutil.rmtree(old, ignore_errors=True)


def _map_file(path: Path, size: int) -> mmap.mmap | bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != size:
                raise HashListError(f"{path}: {size:,} bytes expected: import the list again")
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    except OSError as error:
        raise HashListError(f"{path}: {error.strerror}") from error
