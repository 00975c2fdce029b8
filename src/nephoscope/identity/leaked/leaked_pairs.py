"""Leaked user names with their passwords: 64 bits of a keyed hash of each pair, in an index like that of hashes.

    hash = HMAC(key n, ... HMAC(key 1, user, algorithm, hash of the password))

The keys lie in the folder of keys, which no backup holds beside the index. A rotation hashes what is there with one key more, so that
an earlier copy of the index is of no use with the keys of today, nor one of today with earlier keys. A new list begins with a key of
its own. Source: https://www.rfc-editor.org/rfc/rfc2104
"""

from __future__ import annotations

import hashlib
import hmac
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from nephoscope.identity.leaked.hash_import import create_folder, write_prefixes
from nephoscope.identity.leaked.hash_index import (
    PAIRS,
    PREFIX_BYTES,
    PREFIXES,
    HashIndex,
    HashListError,
    HashListInfo,
    index_folder,
    read_info,
    replace_index,
)
from nephoscope.identity.leaked.password_hashes import ALGORITHMS, LENGTHS
from nephoscope.state.access.key_file import KeyFile

KEYS = "leaked-pairs.key"
_BATCH = 1 << 16
_TAG = re.compile(r"\+[^@]*(?=@)")


@dataclass(slots=True)
class LeakedPairs:
    """The leaked pairs, open to be looked up; close them, or use them with `with`."""

    _index: HashIndex
    _keys: Sequence[bytes]

    @classmethod
    def open(cls, data: Path) -> LeakedPairs | None:
        """Open the pairs, None where none were imported; HashListError where their keys are gone."""
        info = read_info(data, PAIRS)
        if info is None:
            return None
        keys = _read_keys(data, info.keys)
        index = HashIndex.open(data, PAIRS)
        return cls(index, keys) if index is not None else None

    def is_leaked(self, user: str, algorithm: str, digest: bytes) -> bool:
        """Return whether a user name is in a leak with the password of a hash."""
        return self._index.count(hash_pair(self._keys, user, algorithm, digest)) > 0

    def __enter__(self) -> LeakedPairs:
        return self

    def __exit__(self, *_: object) -> None:
        self._index.close()


def import_pairs(data: Path, source: Path, now: datetime, hashed: str = "") -> HashListInfo:
    """Make the index from a file of `USER:PASSWORD` lines, in the place of the one before it.

    `hashed`: the lines are `USER:HASH` of this algorithm. HashListError names a line that is neither.
    """
    file = open_key_file(data)
    with file.lock_for_change():
        before = list(file.keys())
        name, key = next(iter(file.add().items()))
        making = create_folder(data, PAIRS)
        try:
            with source.open("rb") as lines:
                prefixes = (hash_pair([key], *one) for one in read_pairs(lines, hashed))
                entries = write_prefixes(making, prefixes)
        except (OSError, HashListError) as error:
            shutil.rmtree(making)
            if before:
                file.keep(*before)
            raise HashListError(f"{source}: {error}") from error
        info = HashListInfo(PAIRS, making.name, entries, source.name, now, [name])
        replace_index(data, info)
        file.keep(name)
    return info


def rotate_pairs(data: Path) -> HashListInfo:
    """Hash the pairs with one key more; HashListError where none were imported."""
    file = open_key_file(data)
    with file.lock_for_change():
        info = read_info(data, PAIRS)
        if info is None:
            raise HashListError("no leaked user names and passwords were imported")
        _read_keys(data, info.keys)
        name, key = next(iter(file.add().items()))
        making = create_folder(data, PAIRS)
        old = index_folder(data, PAIRS) / info.folder / PREFIXES
        entries = write_prefixes(making, (_add_key(key, one) for one in _read_entries(old)))
        rotated = HashListInfo(PAIRS, making.name, entries, info.origin, info.imported, [*info.keys, name])
        replace_index(data, rotated)
        file.keep(*rotated.keys)
    return rotated


def hash_pair(keys: Sequence[bytes], user: str, algorithm: str, digest: bytes) -> bytes:
    """Return what the index holds of a pair."""
    found = b"\0".join((normalize_user(user).encode(), algorithm.encode(), digest))
    for key in keys:
        found = _add_key(key, found)
    return found


def normalize_user(name: str) -> str:
    """Return a user name as leaks and directories both have it: in lower case, without a domain before it or a tag behind it."""
    return _TAG.sub("", name.strip().rpartition("\\")[2].casefold())


def read_pairs(lines: BinaryIO, hashed: str = "") -> Iterator[tuple[str, str, bytes]]:
    """Yield the user, the algorithm and the hash of the password of each line, a password by every algorithm; HashListError."""
    for number, line in enumerate(lines, 1):
        user, colon, secret = _decode_leak_line(line.rstrip(b"\r\n")).partition(":")
        if not user.strip() and not secret:
            continue
        if not colon or not user.strip() or not secret:
            raise HashListError(f"line {number}: use USER:{'HASH' if hashed else 'PASSWORD'}")
        if hashed:
            yield user, hashed, _read_hash(secret, hashed, number)
        else:
            yield from ((user, name, make(secret)) for name, make in ALGORITHMS.items())


def open_key_file(data: Path) -> KeyFile:
    """Return the file of the keys of a data folder."""
    return KeyFile(data / "keys", KEYS)


def _add_key(key: bytes, found: bytes) -> bytes:
    return hmac.digest(key, found, hashlib.sha256)[:PREFIX_BYTES]


def _read_hash(text: str, algorithm: str, number: int) -> bytes:
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != LENGTHS[algorithm]:
        raise HashListError(
            f"line {number}: a {algorithm} hash has {2 * LENGTHS[algorithm]} hexadecimal digits"
        )
    return digest


def _read_keys(data: Path, names: Sequence[str]) -> list[bytes]:
    keys = open_key_file(data).keys()
    if not set(names) <= keys.keys():
        raise HashListError(
            f"{open_key_file(data).path}: the keys of the pairs are gone: import the pairs again"
        )
    return [keys[name] for name in names]


def _read_entries(path: Path) -> Iterator[bytes]:
    """Yield the entries of an index, as bytes in the order of their digits."""
    with path.open("rb") as file:
        while batch := file.read(PREFIX_BYTES * _BATCH):
            yield from (batch[at : at + PREFIX_BYTES][::-1] for at in range(0, len(batch), PREFIX_BYTES))


def _decode_leak_line(line: bytes) -> str:
    """Return a line of a leak, whose authors agree on no encoding."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")
