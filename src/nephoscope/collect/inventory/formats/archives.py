"""ZIP archives of packages (jar, egg, vsix), read in memory with bounds on the number, the size and the depth of what they hold."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError

MAX_ENTRIES = 100_000
#: The most bytes that all entries that are read unpack to, with those of archives within it, and that a single one does.
MAX_UNPACKED = 512_000_000
MAX_ENTRY = 128_000_000
#: The most bytes of a document in an archive: a manifest, properties, a description.
MAX_DOCUMENT = 4_000_000
_CENTRAL = b"PK\x01\x02"
_ERRORS = (
    zipfile.BadZipFile, OSError, ValueError, EOFError, NotImplementedError, RuntimeError, zlib.error, LookupError, struct.error,
    OverflowError,
)  # fmt: skip


class UnpackingBudget:
    """Limits for unpacking an archive with its nested archives: total bytes left, and bytes in memory at once."""

    def __init__(self, unpacked: int = MAX_UNPACKED, held: int = MAX_ENTRY) -> None:
        self.unpacked, self.held = unpacked, held


class BoundedArchive:
    """A ZIP archive whose entries are read one at a time within a budget, of its own or of the archive that it stands in."""

    def __init__(self, path: str, content: bytes, budget: UnpackingBudget | None = None) -> None:
        self.path = path
        self._budget = budget or UnpackingBudget()
        # The directory is in memory as a whole before its entries can be counted: its marks are counted first.
        if content.count(_CENTRAL) > MAX_ENTRIES:
            raise UnreadableInventoryError(path, f"the archive has more than {MAX_ENTRIES} entries")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
            self._entries = {info.filename: info for info in self._zip.infolist()}
        except _ERRORS as error:
            raise UnreadableInventoryError(
                path, f"this is not a ZIP archive, or it is damaged: {error}"
            ) from error

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __enter__(self) -> BoundedArchive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def names(self) -> list[str]:
        """Return the names of the entries, in the order of the archive."""
        return list(self._entries)

    def read(self, name: str, most: int = MAX_DOCUMENT) -> bytes:
        """Return the content of an entry; raises UnreadableInventoryError where it is damaged or has more bytes."""
        bound = min(most, self._budget.unpacked)
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
        self._budget.unpacked -= len(content)
        return content

    @contextmanager
    def open_member(self, name: str) -> Iterator[bytes]:
        """Give the content of an archive within this one, held as long as it is open; raises UnreadableInventoryError."""
        content = self.read(name, self._budget.held)
        self._budget.held -= len(content)
        try:
            yield content
        finally:
            self._budget.held += len(content)


def open_archive(file: InventoryFile) -> BoundedArchive:
    """Return the archive that a file is; raises UnreadableInventoryError."""
    return BoundedArchive(file.path, file.content)
