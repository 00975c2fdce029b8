"""The files of a spool folder: which there are, whose they are, and what is in them.

A writer has a folder of its own, whose file `lock` it holds by flock while it lives. It appends to `<number>.open`; a closed segment
is `<number>.spool`. Whoever gets the lock of a folder has an orphan: its writer is gone.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from nephoscope.lake.durable_files import FILE_MODE, Disk
from nephoscope.lake.spool.append_frame import SpoolFrame, frames

SPOOL, LOCK = "spool", "lock"
OPEN, CLOSED = ".open", ".spool"
_SEGMENT = re.compile(r"(\d{12})\.(open|spool)")
_WRITER = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """A file of a spool; `closed` ones are never written to again."""

    number: int
    path: Path
    closed: bool

    @property
    def writer(self) -> str:
        """The id of the writer whose it is: the name of its folder."""
        return self.path.parent.name

    def frames(self) -> Iterator[SpoolFrame]:
        """Its frames in order, up to where it is torn."""
        return frames(self.path.read_bytes())


def get_segment_path(folder: Path, number: int, *, closed: bool) -> Path:
    """The path of a segment."""
    return folder / f"{number:012d}{CLOSED if closed else OPEN}"


def list_folders(data: Path) -> list[Path]:
    """The folders of all writers, living and gone."""
    spool = data / SPOOL
    if not spool.is_dir():
        return []
    return sorted(folder for folder in spool.iterdir() if _WRITER.fullmatch(folder.name) and folder.is_dir())


def list_segments(folder: Path) -> list[Segment]:
    """The segments in a writer's folder, the oldest first; none where the folder is gone."""
    try:
        names = [entry.name for entry in folder.iterdir()]
    except FileNotFoundError:
        return []
    matches = [found for found in map(_SEGMENT.fullmatch, names) if found]
    return sorted(
        Segment(int(found[1]), folder / found.string, closed=found[2] == CLOSED[1:]) for found in matches
    )


def compute_spool_size(data: Path) -> int:
    """The bytes in all segments."""
    total = 0
    for folder in list_folders(data):
        for segment in list_segments(folder):
            try:
                total += segment.path.stat().st_size
            except FileNotFoundError:
                continue
    return total


def lock_folder(folder: Path) -> int | None:
    """The open, locked lock file of a folder, None where its writer lives or the folder is gone."""
    try:
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_nlink:
            return file
    except OSError:
        pass
    os.close(file)
    return None


@contextmanager
def hold_orphan(folder: Path) -> Iterator[bool]:
    """Hold the folder of a writer that is gone; False where it lives."""
    file = lock_folder(folder)
    try:
        yield file is not None
    finally:
        if file is not None:
            os.close(file)


def close_orphan(folder: Path, disk: Disk) -> None:
    """Cut the torn tails of a held orphan and close its segments, durably."""
    for segment in list_segments(folder):
        if segment.closed:
            continue
        end = max((frame.end for frame in segment.frames()), default=0)
        if end == 0:
            disk.remove(segment.path)
            continue
        if end < segment.path.stat().st_size:
            disk.shorten(segment.path, end)
        else:
            disk.sync_path(segment.path)
        disk.rename(segment.path, get_segment_path(folder, segment.number, closed=True))
    disk.sync_folder(folder)


def remove_orphan(folder: Path, disk: Disk) -> None:
    """Remove the folder of a held orphan that has no segment any more."""
    if list_segments(folder):
        return
    for entry in folder.iterdir():
        disk.remove(entry)
    with suppress(OSError):  # a writer that takes the folder just now keeps it
        folder.rmdir()


class Sequences:
    """Last sequence of each producer in the spools; closed segments are read once. The open one in `own` is known to its writer."""

    def __init__(self, data: Path, disk: Disk, own: Path) -> None:
        self._data, self._disk, self._own = data, disk, own
        self._known: dict[Path, dict[str, int]] = {}

    def last(self, producer: str) -> int:
        """The highest sequence of a producer in any spool, -1 where there is none. What is told is durable."""
        known: dict[Path, dict[str, int]] = {}
        best = -1
        for folder in list_folders(self._data):
            for segment in list_segments(folder):
                if folder == self._own and not segment.closed:
                    continue
                found = self._known.get(segment.path)
                if found is None:
                    found = self._read_sequences(segment)
                if segment.closed:
                    known[segment.path] = found
                best = max(best, found.get(producer, -1))
        self._known = known
        return best

    def _read_sequences(self, segment: Segment) -> dict[str, int]:
        """Return what a segment holds. One that was closed meanwhile has its new name; what is gone is in the state."""
        for path in (segment.path, get_segment_path(segment.path.parent, segment.number, closed=True)):
            try:
                if path.suffix == OPEN:
                    self._disk.sync_path(path)
                return find_highest_sequences(frames(path.read_bytes()))
            except FileNotFoundError:
                continue
        return {}


def find_highest_sequences(several: Iterable[SpoolFrame]) -> dict[str, int]:
    """The highest sequence of each producer."""
    found: dict[str, int] = {}
    for frame in several:
        known = found.get(frame.header.producer, -1)
        found[frame.header.producer] = max(known, frame.header.sequence)
    return found
