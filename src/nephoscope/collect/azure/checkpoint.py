"""The checkpoint of a collection: every answer on disk as soon as it is there, so that an interrupted one asks nothing twice.

A line of `.collect/answers.jsonl` is one answer. A line that was cut when the process ended is dropped on the next start.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

FOLDER = ".collect"
_VERSION = 1


class CheckpointError(Exception):
    """A checkpoint that is not there, is of other settings, or would be written over; the message says what to do."""


class CheckpointEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer: the key of its question, the snapshot file its rows go to ('' = none), its status, rows and next link."""

    key: str
    file: str
    status: int
    rows: list[Any]
    next: str = ""
    total: int = 0
    reason: str = ""
    permission: str = ""


class _Header(msgspec.Struct, frozen=True):
    version: int
    question: str
    started: str


def build_request_key(*parts: object) -> str:
    """The name of a question: 128 bits in hexadecimal over its parts."""
    return hashlib.blake2b(msgspec.json.encode(parts, order="deterministic"), digest_size=16).hexdigest()


class Checkpoint:
    """The answers so far; safe to use from many threads."""

    def __init__(self, file: BinaryIO, folder: Path, started: str) -> None:
        self._file, self._folder = file, folder
        self._places: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self.started = started
        self.reused = 0

    @classmethod
    def begin(cls, out: Path, question: str, started: str, *, resume: bool) -> Checkpoint:
        """Start in a folder, or go on there; raises CheckpointError. `question` names the settings that must be the same."""
        folder = out / FOLDER
        path = folder / "answers.jsonl"
        if resume:
            return cls._resume_checkpoint(path, question)
        if out.exists() and any(out.iterdir()):
            if path.exists():
                raise CheckpointError(
                    f"{out} contains an interrupted collection: continue with --resume, or use another folder"
                )
            raise CheckpointError(f"{out} is not empty: use a new folder")
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o700)
        file = path.open("xb+")
        file.write(msgspec.json.encode(_Header(_VERSION, question, started)) + b"\n")
        file.flush()
        return cls(file, folder, started)

    @classmethod
    def _resume_checkpoint(cls, path: Path, question: str) -> Checkpoint:
        if not path.exists():
            raise CheckpointError(f"{path.parent.parent} contains no interrupted collection: omit --resume")
        file = path.open("rb+")
        try:
            header = msgspec.json.decode(file.readline(), type=_Header)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            file.close()
            raise CheckpointError(f"{path}: not a checkpoint: {error}") from error
        if header.version != _VERSION or header.question != question:
            file.close()
            raise CheckpointError(
                f"{path.parent.parent} was started with other settings or other content: use a new folder, "
                "or the same settings"
            )
        found = cls(file, path.parent, header.started)
        found._load_entries()
        return found

    def _load_entries(self) -> None:
        end = self._file.tell()
        for line in self._file:
            kept = _decode_entry(line)
            if kept is None:
                break
            self._places[kept.key] = (end, len(line))
            end += len(line)
        self._file.seek(end)
        self._file.truncate()

    def get(self, key: str) -> CheckpointEntry | None:
        """The answer to a question that was asked before, None where it was not."""
        with self._lock:
            place = self._places.get(key)
            self.reused += place is not None
        return (
            None if place is None else msgspec.json.decode(self._read_bytes_at(*place), type=CheckpointEntry)
        )

    def _read_bytes_at(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)

    def put(self, kept: CheckpointEntry) -> None:
        """Keep an answer; it is with the operating system when this returns."""
        line = msgspec.json.encode(kept) + b"\n"
        with self._lock:
            offset = self._file.seek(0, os.SEEK_END)
            self._file.write(line)
            self._file.flush()
            self._places[kept.key] = (offset, len(line))

    def answers(self) -> Iterator[CheckpointEntry]:
        """Every answer kept, in the order of their keys' first use on disk."""
        for place in sorted(self._places.values()):
            yield msgspec.json.decode(self._read_bytes_at(*place), type=CheckpointEntry)

    def close(self) -> None:
        """Close the file; what it holds stays, and one that holds no answer goes."""
        self._file.close()
        if not self._places and self._folder.exists():
            shutil.rmtree(self._folder)
            with contextlib.suppress(OSError):
                self._folder.parent.rmdir()

    def remove(self) -> None:
        """Remove the checkpoint: the snapshot is complete."""
        self._file.close()
        shutil.rmtree(self._folder)


def _decode_entry(line: bytes) -> CheckpointEntry | None:
    if not line.endswith(b"\n"):
        return None
    try:
        return msgspec.json.decode(line, type=CheckpointEntry)
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
