"""Instance lock: one server per data folder, held by its supervisor in a file that identifies it.

The lock is flock's: it is free at once when its holder ends, however that ends; what the supervisor forks has it closed.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE, MODE = "server.lock", 0o600


@dataclass(frozen=True, slots=True)
class LockHolder:
    """The process that serves a folder, the machine that it is on, and where it answers ('' = it does not yet)."""

    pid: int
    machine: str = ""
    address: str = ""

    def __str__(self) -> str:
        where = f" at {self.address}" if self.address else ""
        machine = "" if self.machine == socket.gethostname() else f" on {self.machine}"
        return f"process {self.pid}{machine}{where}"


@dataclass(frozen=True, slots=True)
class InstanceLock:
    """The lock, held; `answers` tells others where this process answers."""

    file: int

    def answers(self, address: str = "") -> None:
        """Say who holds the lock, and where."""
        holder = msgspec.json.encode(LockHolder(os.getpid(), socket.gethostname(), address))
        os.ftruncate(self.file, 0)
        os.pwrite(self.file, holder, 0)


@contextmanager
def acquire_lock(data: Path) -> Iterator[InstanceLock | None]:
    """Hold the lock of a folder that is there; None where another process has it. OSError where the file system has no locks."""
    file = os.open(data / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        yield InstanceLock(file) if _try_lock(file, fcntl.LOCK_EX, data) else None
    finally:
        os.close(file)


def is_folder_served(data: Path) -> bool:
    """Return whether a server holds the lock of a folder."""
    try:
        file = os.open(data / FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try_lock(file, fcntl.LOCK_SH, data)
    finally:
        os.close(file)


def read_lock_holder(data: Path) -> LockHolder | None:
    """Return who held the lock last, None where that is not told."""
    try:
        return msgspec.json.decode((data / FILE).read_bytes(), type=LockHolder)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _try_lock(file: int, how: int, data: Path) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        why = f"no lock is available ({os.strerror(error.errno or 0)}): use a local file system"
        raise OSError(error.errno, why, str(data / FILE)) from error
    return True
