"""View of a root that is held in memory, as the merged layers of an image are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from nephoscope.protect.baseline.file_view import FileKind, FileStatus, FileView, UnreadableRootFileError


class HeldFile(msgspec.Struct, frozen=True):
    """An entry: its status, the target of a link, and the content, None where it is not held for a reason."""

    status: FileStatus
    content: bytes | None = None
    link: str = ""
    reason: str = ""


class MemoryView(FileView):
    """Reads entries that are held by path; folders that only their entries name exist with mode 755."""

    def __init__(self, entries: Mapping[str, HeldFile]) -> None:
        self._entries = dict(entries)
        self._children: defaultdict[str, set[str]] = defaultdict(set)
        for path in entries:
            self._add_parents(path)

    def _add_parents(self, path: str) -> None:
        while path:
            folder, _, name = path.rpartition("/")
            if name in self._children[folder]:
                return
            self._children[folder].add(name)
            path = folder

    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry, links not followed; None where it does not exist. Raises UnreadableRootFileError."""
        if (found := self._entries.get(path)) is not None:
            return found.status
        return FileStatus(FileKind.FOLDER, 0o755) if path in self._children or not path else None

    def read_entry(self, path: str) -> bytes:
        """Return the content of a file that exists; raises UnreadableRootFileError."""
        found = self._entries[path]
        if found.content is None:
            raise UnreadableRootFileError(path, found.reason or "its content was not kept")
        return found.content

    def list_entries(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder that exists; raises UnreadableRootFileError."""
        found = self._entries.get(path)
        if found is not None and found.reason:
            raise UnreadableRootFileError(path, found.reason)
        return tuple(sorted(self._children.get(path, ())))

    def read_link_target(self, path: str) -> str:
        """Return the target of a symbolic link; raises UnreadableRootFileError."""
        return self._entries[path].link
