"""Write a named file so that it appears whole or not at all, and never put one in the place of a device, a FIFO or a link."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

#: Links to follow before a chain of them counts as a loop, as the kernel does.
_MAX_LINKS = 40


@contextmanager
def replace_atomically(path: Path) -> Iterator[BinaryIO]:
    """Open a file for the whole of what a name is to hold; a regular file, or a name that is not there yet, is replaced at the end.

    A link is followed to what it names. A device, a FIFO, a socket and a descriptor (`/dev/stdout`) are written in place: to rename a
    file over one of them would take it from every other program. A file that is replaced keeps its permissions.
    """
    target = find_replaceable_file(path)
    if target is None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as file:
            yield file
        return
    part = target.with_name(f".nephoscope-{uuid.uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            if target.exists():
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def find_replaceable_file(path: Path) -> Path | None:
    """Find the regular file, or the free name, that a path leads to; None where it leads to anything else."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return path.resolve()
    if not stat.S_ISREG(found.st_mode) or _is_file_descriptor_path(path):
        return None
    return path.resolve()


def _is_file_descriptor_path(path: Path) -> bool:
    """Return whether the links of a path pass an open file of a process: what is written there goes behind what it holds."""
    for _ in range(_MAX_LINKS):
        if not path.is_symlink():
            return False
        if path.parent.resolve().is_relative_to("/proc"):
            return True
        path = path.parent / path.readlink()
    return False
