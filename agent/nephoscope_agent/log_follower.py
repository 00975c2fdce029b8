"""Following files that grow: from where reading ended, over rotation and restarts."""

from __future__ import annotations

import os
from typing import Any

#: Bytes that are read at a time, so that a file of days is no burst.
_MOST = 4 << 20


class LogFollower:
    """Reads what is added to a file: whole lines, or whole records of a size. A new file begins at its end the first time."""

    def __init__(self, path: str, size: int = 0) -> None:
        self._path, self._size = path, size
        self._inode, self._offset = 0, -1

    @property
    def place(self) -> list[int]:
        """How far the file was read."""
        return [self._inode, self._offset]

    def restore(self, place: Any) -> None:
        """Continue at a place."""
        self._inode, self._offset = place

    def read(self) -> list[bytes]:
        """Return what is new; [] where the file is missing. Raises OSError where it may not be read."""
        try:
            opened = open(self._path, "rb")  # noqa: SIM115 - closed below
        except FileNotFoundError:
            return []
        with opened as file:
            found = os.fstat(file.fileno())
            if self._offset < 0:
                self._inode, self._offset = found.st_ino, self._complete_length(found.st_size)
            if found.st_ino != self._inode or found.st_size < self._offset:
                # rotated or cut: what stood in the old file after the last reading is lost with it
                self._inode, self._offset = found.st_ino, 0
            file.seek(self._offset)
            content = file.read(_MOST)
        if self._size:
            usable = self._complete_length(len(content))
            self._offset += usable
            return [content[at : at + self._size] for at in range(0, usable, self._size)]
        usable = content.rfind(b"\n") + 1
        if not usable and len(content) == _MOST:
            # a line without an end is left out, so that those behind it are read
            self._offset += _MOST
            return []
        self._offset += usable
        return content[:usable].splitlines()

    def _complete_length(self, length: int) -> int:
        return length - length % self._size if self._size else length
