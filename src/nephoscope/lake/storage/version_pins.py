"""Version pins: table versions that readers hold, across processes, so that vacuum keeps their files."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from nephoscope.lake.durable_files import FILE_MODE, Disk

FOLDER = "pins"
Pin = tuple[str, str, int]
"""(workspace, table, version)."""


class Pins:
    """The versions that this process holds: a file, locked while the process lives."""

    def __init__(self, data: Path, disk: Disk) -> None:
        self._folder = data / FOLDER
        self._disk = disk
        self._lock = threading.Lock()
        self._counts: Counter[Pin] = Counter()
        self._file = -1
        self._path = self._folder

    def hold(self, pin: Pin) -> None:
        """Hold a version once more."""
        with self._lock:
            self._counts[pin] += 1
            if self._counts[pin] == 1:
                self._write_pins()

    def drop(self, pins: list[Pin]) -> None:
        """Hold versions once less."""
        with self._lock:
            before = len(self._counts)
            self._counts.subtract(pins)
            self._counts = +self._counts
            if self._file >= 0 and len(self._counts) < before:
                self._write_pins()

    def close(self) -> None:
        """Hold nothing any more."""
        with self._lock:
            if self._file >= 0:
                self._disk.remove(self._path)
                os.close(self._file)
                self._file = -1

    def _write_pins(self) -> None:
        """Tell other processes. Where the disk is full they are told later: files are left for 24 hours in any case."""
        try:
            self._write_pin()
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            self._forget_pins()

    def _forget_pins(self) -> None:
        """No file rather than a half-written one, which a vacuum would wait for."""
        if self._file >= 0:
            self._disk.remove(self._path)
            os.close(self._file)
            self._file = -1

    def _write_pin(self) -> None:
        while self._file < 0:
            self._disk.make_folders(self._folder)
            self._path = self._folder / f"{uuid.uuid4().hex}.json"
            self._file = _create_locked_file(self._path)
        data = msgspec.json.encode(sorted(self._counts))
        os.pwrite(self._file, data, 0)
        os.ftruncate(self._file, len(data))


def _create_locked_file(path: Path) -> int:
    """A new file, locked; -1 where somebody took it for one that was left."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    fcntl.flock(file, fcntl.LOCK_EX)
    if os.fstat(file).st_nlink:
        return file
    os.close(file)
    return -1


def list_held(data: Path) -> Iterator[Pin]:
    """The versions that living processes hold; the files of those that are gone are removed."""
    for path in sorted((data / FOLDER).glob("*.json")):
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            yield from msgspec.json.decode(_read_complete(path), type=list[Pin])
        else:
            path.unlink(missing_ok=True)
        finally:
            os.close(file)


def _read_complete(path: Path) -> bytes:
    """The content; read again where it was just being written."""
    for _ in range(1000):
        data = path.read_bytes()
        if data.startswith(b"[") and data.endswith(b"]"):
            try:
                msgspec.json.decode(data)
            except msgspec.DecodeError:
                continue
            return data
    raise OSError(f"{path}: keeps changing: try again")
