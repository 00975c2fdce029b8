"""Spill folder of a query, and cleanup of folders that killed processes left.

A process that is killed removes nothing. Each folder holds a file that its process has locked as long as it lives; the system lets go
of the lock whatever ends the process, so a folder whose lock is free belongs to nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
import weakref
from functools import cache
from pathlib import Path

PREFIX = "nephoscope-query-"
_LOCK = "in-use"
#: Seconds in which the lock of a new folder may not be held yet.
_YOUNG = 60.0


class Spill:
    """A folder of its own in the system's folder for temporary files, until `clear`, or until nobody has it any more."""

    def __init__(self) -> None:
        _sweep_folder_once(tempfile.gettempdir())
        self.folder = tempfile.mkdtemp(prefix=PREFIX)
        lock = os.open(Path(self.folder, _LOCK), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.clear = weakref.finalize(self, _clear_folder, self.folder, lock)
        """Remove the folder and what is in it."""


def _clear_folder(folder: str, lock: int) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    os.close(lock)


@cache
def _sweep_folder_once(parent: str) -> int:
    """Sweep a folder once in the life of a process."""
    return sweep_spill_folders(Path(parent))


def sweep_spill_folders(parent: Path) -> int:
    """Remove the folders of processes that are gone, of this user; how many."""
    return sum(_remove_orphan(folder) for folder in parent.glob(f"{PREFIX}*") if _may_be_left(folder))


def _may_be_left(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        found = folder.lstat()
        return (
            not folder.is_symlink() and found.st_uid == os.geteuid() and time.time() - found.st_mtime > _YOUNG
        )
    return False


def _remove_orphan(folder: Path) -> bool:
    """Return whether a folder was nobody's; one without the file is of an earlier release, whose queries end within a day."""
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        if time.time() - folder.lstat().st_mtime < 86_400:
            return False
        shutil.rmtree(folder, ignore_errors=True)
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(lock)
