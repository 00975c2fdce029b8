"""Consistent cut of a data folder while other processes write to it.

Nothing is locked. What is looked at, in this order: the tables' versions, the spool's segments, the state, the segments again
(opened: what is open stays readable), the versions again. Where no table was committed to and no segment went in between, the
three belong together: what the state says was acknowledged is in a table or in a segment, and what a table has of a producer the
state or a segment says. Else it is done again. docs/decisions/0155-backups-without-a-lock.md.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nephoscope.lake.backup.backup_archive import BackupError
from nephoscope.lake.lake import Lake
from nephoscope.lake.spool.segments import Segment, get_segment_path, list_folders, list_segments
from nephoscope.state import State
from nephoscope.state.state_copy import Save, open_state_moment

TRIES = 200
_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class SegmentSnapshot:
    """A segment of the spool as it was: its name in the data folder, the open file, how much of it belongs to the moment."""

    name: str
    file: BinaryIO
    size: int


@dataclass(frozen=True, slots=True)
class BackupCut:
    """A moment: the version of each (workspace, table), the segments, and what saves the state of it."""

    versions: Mapping[tuple[str, str], int]
    pieces: tuple[SegmentSnapshot, ...]
    save_state: Save


@contextmanager
def hold_consistent_cut(data: Path, lake: Lake, state: State, tries: int = TRIES) -> Iterator[BackupCut]:
    """A moment of a data folder, held for the time of the block; BackupError where the lake is never at rest for an instant."""
    for _ in range(tries):
        with ExitStack() as stack:
            versions = stack.enter_context(lake.pin_versions())
            before = _list_segments(data)
            save = stack.enter_context(open_state_moment(state.database))
            pieces = _open_segments(data, stack)
            kept = {(one.writer, one.number) for one in before} <= {_build_key(piece) for piece in pieces}
            if kept and lake.list_versions() == versions:
                yield BackupCut(versions, pieces, save)
                return
        time.sleep(_PAUSE)
    raise BackupError(f"tables were written during each of {tries} attempts: try again later")


def _list_segments(data: Path) -> list[Segment]:
    return [one for folder in list_folders(data) for one in list_segments(folder)]


def _open_segments(data: Path, stack: ExitStack) -> tuple[SegmentSnapshot, ...]:
    """The segments that are there, open."""
    found = []
    for segment in _list_segments(data):
        for path in (segment.path, get_segment_path(segment.path.parent, segment.number, closed=True)):
            try:
                file = stack.enter_context(path.open("rb"))
            except FileNotFoundError:
                # it was closed meanwhile and has its other name, or it is gone, which the comparison sees
                continue
            found.append(
                SegmentSnapshot(path.relative_to(data).as_posix(), file, os.fstat(file.fileno()).st_size)
            )
            break
    return tuple(found)


def _build_key(piece: SegmentSnapshot) -> tuple[str, int]:
    path = Path(piece.name)
    return path.parent.name, int(path.stem)
