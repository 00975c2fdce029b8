"""Files of a root as rules read them: a folder, a mounted disk, or the merged layers of an image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from posixpath import dirname, join, normpath

import msgspec

#: Files of more bytes are not read, and links are followed at most so often.
MAX_SIZE = 64_000_000
MAX_LINKS = 40


class UnreadableRootFileError(Exception):
    """A file of the root that cannot be read: its path and why."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"/{path} cannot be read: {reason}")
        self.path, self.reason = path, reason


class FileKind(Enum):
    """The kind of a file."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


class FileStatus(msgspec.Struct, frozen=True):
    """The kind of a file, its permission bits and its owners."""

    kind: FileKind
    mode: int
    uid: int = 0
    gid: int = 0


class FileView(ABC):
    """Read access to a root; paths are relative to it with `/`, links stay inside as with chroot."""

    @abstractmethod
    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry, links not followed; None where it does not exist. Raises UnreadableRootFileError."""

    @abstractmethod
    def read_entry(self, path: str) -> bytes:
        """Return the content of a file that exists; raises UnreadableRootFileError."""

    @abstractmethod
    def list_entries(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder that exists; raises UnreadableRootFileError."""

    @abstractmethod
    def read_link_target(self, path: str) -> str:
        """Return the target of a symbolic link; raises UnreadableRootFileError."""

    def resolve(self, path: str) -> str | None:
        """Return the path without links; None where it does not exist. Raises UnreadableRootFileError for a loop."""
        pending, done = [part for part in normpath(path).split("/") if part not in ("", ".")][::-1], ""
        followed = 0
        while pending:
            part = pending.pop()
            if part == "..":
                done = dirname(done)
                continue
            here = join(done, part)
            status = self.read_entry_status(here)
            if status is None:
                return None
            if status.kind is not FileKind.LINK:
                done = here
                continue
            followed += 1
            if followed > MAX_LINKS:
                raise UnreadableRootFileError(path, "too many levels of symbolic links")
            target = self.read_link_target(here)
            done = "" if target.startswith("/") else done
            pending += [one for one in target.split("/") if one not in ("", ".")][::-1]
        return done

    def status(self, path: str) -> FileStatus | None:
        """Return the status of what a path leads to; None where it does not exist."""
        found = self.resolve(path)
        return None if found is None else self.read_entry_status(found)

    def exists(self, path: str) -> bool:
        """Return whether a path leads to something."""
        return self.resolve(path) is not None

    def read_bytes(self, path: str) -> bytes | None:
        """Return the content of a file; None where it does not exist. Raises UnreadableRootFileError."""
        found = self.resolve(path)
        if found is None:
            return None
        status = self.read_entry_status(found)
        if status is None or status.kind is not FileKind.FILE:
            raise UnreadableRootFileError(path, "it is not a regular file")
        return self.read_entry(found)

    def read_text(self, path: str) -> str | None:
        """Return the text of a file; None where it does not exist. Raises UnreadableRootFileError."""
        content = self.read_bytes(path)
        if content is None:
            return None
        if b"\0" in content:
            raise UnreadableRootFileError(path, "it is not a text")
        return content.decode("utf-8", "replace")

    def names(self, folder: str) -> tuple[str, ...]:
        """Return the sorted names in a folder; none where there is no such folder. Raises UnreadableRootFileError."""
        found = self.resolve(folder)
        if found is None:
            return ()
        status = self.read_entry_status(found)
        if status is None or status.kind is not FileKind.FOLDER:
            return ()
        return self.list_entries(found)
