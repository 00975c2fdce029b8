"""View of the files that the agent of a running host reports; what it does not report cannot be read."""

from __future__ import annotations

import zlib

import msgspec

from nephoscope.protect.baseline.file_view import FileKind, FileStatus, FileView, UnreadableRootFileError
from nephoscope.protect.baseline.host_facts import HostFacts

#: Bytes of a report once it is unpacked.
MAX_UNPACKED = 96 << 20
#: Entries, listed folders and absent paths of a report together, and the texts that these have at most.
MAX_ENTRIES = 100_000
_MAX_TEXTS = 16 * MAX_ENTRIES
_NOT_REPORTED = "the agent does not report it"


class ReportedFile(msgspec.Struct, frozen=True):
    """An entry: its status, the target of a link, the bytes of its content as Latin-1, or why there are none."""

    kind: FileKind
    mode: int
    uid: int = 0
    gid: int = 0
    link: str = ""
    text: str | None = None
    reason: str = ""


class ReportedFiles(msgspec.Struct, frozen=True):
    """Entries by path, folders whose children are all among them, and paths that are not there."""

    entries: dict[str, ReportedFile]
    listed: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()


class ReportedSystem(msgspec.Struct, frozen=True):
    """Files and live facts of a host, as its agent packs them."""

    files: ReportedFiles
    facts: HostFacts


class ReportedView(FileView):
    """Reads reported files; raises UnreadableRootFileError for what no entry and no listed folder is about."""

    def __init__(self, files: ReportedFiles) -> None:
        self._files = files
        self._names: dict[str, list[str]] = {}
        for path in files.entries:
            folder, _, name = path.rpartition("/")
            self._names.setdefault(folder, []).append(name)

    def read_entry_status(self, path: str) -> FileStatus | None:
        """Return the status of an entry, links not followed; None where it does not exist. Raises UnreadableRootFileError."""
        found = self._files.entries.get(path)
        if found is not None:
            return FileStatus(found.kind, found.mode, found.uid, found.gid)
        if not path:
            return FileStatus(FileKind.FOLDER, 0o755)
        folder = path.rpartition("/")[0]
        if path in self._files.absent or folder in self._files.listed:
            return None
        above = self._files.entries.get(folder)
        if folder in self._files.absent or (above is not None and above.kind is FileKind.FILE):
            return None
        reason = above.reason if above is not None and above.reason else _NOT_REPORTED
        raise UnreadableRootFileError(path, reason)

    def read_entry(self, path: str) -> bytes:
        """Return the content of a file that exists; raises UnreadableRootFileError."""
        found = self._files.entries[path]
        if found.text is None:
            raise UnreadableRootFileError(path, found.reason or _NOT_REPORTED)
        return found.text.encode("latin-1")

    def list_entries(self, path: str) -> tuple[str, ...]:
        """Return the sorted names in a folder that exists; raises UnreadableRootFileError."""
        if path not in self._files.listed:
            found = self._files.entries.get(path)
            raise UnreadableRootFileError(path, found.reason if found and found.reason else _NOT_REPORTED)
        return tuple(sorted(self._names.get(path, ())))

    def read_link_target(self, path: str) -> str:
        """Return the target of a symbolic link; raises UnreadableRootFileError."""
        return self._files.entries[path].link


def unpack_system(packed: bytes) -> ReportedSystem:
    """Return what an agent packed; raises ValueError for what is none, or too large."""
    try:
        unpacking = zlib.decompressobj()
        content = unpacking.decompress(packed, MAX_UNPACKED)
    except zlib.error as error:
        raise ValueError(f"not packed: {error}") from error
    if unpacking.unconsumed_tail or not unpacking.eof:
        raise ValueError(f"more than {MAX_UNPACKED:,} bytes, or cut off")
    # each text begins with a quote that nothing escapes: counted before objects are made of them
    if content.count(b'"') - content.count(b'\\"') > _MAX_TEXTS:
        raise ValueError(f"more than {MAX_ENTRIES:,} entries")
    try:
        system = msgspec.json.decode(content, type=ReportedSystem)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    files = system.files
    if len(files.entries) + len(files.listed) + len(files.absent) > MAX_ENTRIES:
        raise ValueError(f"more than {MAX_ENTRIES:,} entries")
    return system
