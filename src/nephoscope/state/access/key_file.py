"""Key files, that of the credentials first: outside the database, readable by its owner alone, the newest key first."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from nephoscope.state.database.state_errors import StateError

KEY_BYTES = 32
NAME = "credentials.key"
#: The key files that the caller holds already.
_HELD: ContextVar[frozenset[Path]] = ContextVar("held key files", default=frozenset())


class KeyFile:
    """Keys of 256 bits by id, `<id> <base64>` a line. Made when the first is needed; StateError where others may read it."""

    def __init__(self, folder: Path, name: str = NAME) -> None:
        self.path = folder / name

    def keys(self) -> dict[str, bytes]:
        """Id -> key, the one to encrypt with first; empty where the file is not there."""
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                lines = file.read().decode("ascii").split("\n")
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise StateError(f"{self.path}: the key file cannot be read") from error
        if mode & 0o077:
            raise StateError(f"{self.path}: other users can read the keys (mode {mode:o}): run chmod 600")
        return dict(self._parse_key(number, line) for number, line in enumerate(lines, 1) if line)

    def current(self) -> tuple[str, bytes]:
        """The id and the key to encrypt with; the file is made where it is missing."""
        if not (keys := self.keys()):
            with self.lock_for_change():
                keys = self.keys() or self.add()
        return next(iter(keys.items()))

    def add(self) -> dict[str, bytes]:
        """Put a new key first; within `changing`."""
        keys = {secrets.token_hex(4): secrets.token_bytes(KEY_BYTES), **self.keys()}
        self._write_keys(keys)
        return keys

    def keep(self, *ids: str) -> None:
        """Drop all keys but some; within `changing`."""
        self._write_keys({id_: key for id_, key in self.keys().items() if id_ in ids})

    @contextmanager
    def lock_for_change(self) -> Iterator[None]:
        """The one process that changes the file; within another such block of the same caller there is nothing to wait for."""
        if self.path in _HELD.get():
            yield
            return
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.path.with_name(f"{self.path.name}.lock")
        beside.touch(mode=0o600)
        with beside.open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = _HELD.set(_HELD.get() | {self.path})
            try:
                yield
            finally:
                _HELD.reset(before)

    def _parse_key(self, number: int, line: str) -> tuple[str, bytes]:
        id_, _, text = line.partition(" ")
        try:
            key = b64decode(text, validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise StateError(f"{self.path}, line {number}: not a key; put the file of this data folder back")
        return id_, key

    def _write_keys(self, keys: dict[str, bytes]) -> None:
        """Replace the file as a whole, on the disk before anything is encrypted with what is new in it."""
        target = self.path.resolve()  # a link stays a link
        part = target.with_name(f".{self.path.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.writelines(f"{id_} {b64encode(key).decode()}\n".encode() for id_, key in keys.items())
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
