"""View of a folder of this machine as a root: `/`, a mounted disk, or an unpacked image."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NoReturn

from nephoscope.protect.baseline.file_view import (
    MAX_SIZE,
    FileKind,
    FileStatus,
    FileView,
    UnreadableRootFileError,
)


class FolderView(FileView):
    """Reads below a folder; no link leads out of it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry, links not followed; None where it does not exist. Raises UnreadableRootFileError."""
        try:
            found = os.lstat(self._root / path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            _refuse_path(path, error)
        return FileStatus(
            _classify_mode(found.st_mode), stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid
        )

    def read_entry(self, path: str) -> bytes:
        """Return the content of a file that exists; raises UnreadableRootFileError."""
        try:
            with os.fdopen(
                os.open(self._root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb"
            ) as stream:
                content = stream.read(MAX_SIZE + 1)
        except OSError as error:
            _refuse_path(path, error)
        if len(content) > MAX_SIZE:
            raise UnreadableRootFileError(path, f"it has more than {MAX_SIZE:,} bytes")
        return content

    def list_entries(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder that exists; raises UnreadableRootFileError."""
        try:
            return tuple(sorted(one.name for one in (self._root / path).iterdir()))
        except OSError as error:
            _refuse_path(path, error)

    def read_link_target(self, path: str) -> str:
        """Return the target of a symbolic link; raises UnreadableRootFileError."""
        try:
            return str((self._root / path).readlink())
        except OSError as error:
            _refuse_path(path, error)


def _refuse_path(path: str, error: OSError) -> NoReturn:
    raise UnreadableRootFileError(path, (error.strerror or "it cannot be opened").lower()) from error


def _classify_mode(mode: int) -> FileKind:
    kinds = ((stat.S_ISREG, FileKind.FILE), (stat.S_ISDIR, FileKind.FOLDER), (stat.S_ISLNK, FileKind.LINK))
    return next((kind for is_kind, kind in kinds if is_kind(mode)), FileKind.OTHER)
