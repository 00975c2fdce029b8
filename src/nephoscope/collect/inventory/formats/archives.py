"""ZIP archives of packages (jar, egg, vsix), read in memory with bounds on the number, the size and the depth of what they hold."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError

MAX_ENTRIES = 100_000
#: The most bytes that all entries that are read unpack to, and that a single one does.
MAX_UNPACKED = 512_000_000
MAX_ENTRY = 128_000_000
_ERRORS = (
    zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, LookupError, struct.error,
    OverflowError,
)  # fmt: skip


class BoundedArchive:
    """A ZIP archive whose entries are read one at a time, up to MAX_UNPACKED bytes altogether."""

    def __init__(self, path: str, content: bytes) -> None:
        self.path = path
        self._left = MAX_UNPACKED
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            self._entries = {info.filename: info for info in self._zip.infolist()}
        except _ERRORS as error:
            raise UnreadableInventoryError(
                path, f"this is no ZIP archive, or it is damaged: {error}"
            ) from error
        if len(self._entries) > MAX_ENTRIES:
            raise UnreadableInventoryError(path, f"the archive has more than {MAX_ENTRIES} entries")

    def __enter__(self) -> BoundedArchive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """Return the names of the entries, in the order of the archive."""
        return list(self._entries)

    def read(self, name: str) -> bytes:
        """Return the content of an entry; raises UnreadableInventoryError where it is damaged or too large."""
        bound = min(MAX_ENTRY, self._left)
        try:
            with self._zip.open(self._entries[name]) as entry:
                content = entry.read(bound + 1)
        except _ERRORS as error:
            raise UnreadableInventoryError(
                self.path, f"the entry {name[:200]} is damaged: {error}"
            ) from error
        if len(content) > bound:
            raise UnreadableInventoryError(
                self.path, f"the entry {name[:200]} unpacks to more than {bound} bytes"
            )
        self._left -= len(content)
        return content


def open_archive(file: InventoryFile) -> BoundedArchive:
    """Return the archive that a file is; raises UnreadableInventoryError."""
    return BoundedArchive(file.path, file.content)
