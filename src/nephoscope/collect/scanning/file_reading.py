"""What a file is read by: the readers of packages that claim it, and the files that name the operating system."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

import msgspec

from nephoscope.collect.images.layers import UnreadFile
from nephoscope.collect.inventory.discovery import HEAD, inventory_readers, read_with, readers_of
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.operating_system import PATHS
from nephoscope.collect.scanning.contents import FileContents, SetAsideEntry

#: A file of more bytes is not read: it would have to be held in memory as a whole.
MAX_SIZE = 200_000_000
_RELEASES = frozenset(PATHS)
_MAX_RELEASE = 65_536
_EXECUTABLE = 0o111
#: No program of a language that leaves its modules in it is smaller.
_LEAST_PROGRAM = 65_536


@cache
def _names() -> tuple[frozenset[str], frozenset[str], re.Pattern[str]]:
    """Return the names of the files that readers claim, those of folders all of whose files they claim, and patterns of names."""
    paths = [pattern.split("/") for reader in inventory_readers().values() for pattern in reader.patterns]
    whole = frozenset(parts[-1] for parts in paths if "*" not in parts[-1])
    folders = frozenset(parts[-2] for parts in paths if parts[-1] == "*")
    patterns = (
        re.escape(parts[-1]).replace(r"\*", ".*") for parts in paths if "*" in parts[-1] and parts[-1] != "*"
    )
    return whole, folders, re.compile("|".join(sorted(set(patterns))) or "(?!)")


def claims_name(path: str) -> bool:
    """Return whether a reader claims a file by its path; most are told by the last parts alone, which costs least."""
    whole, folders, patterns = _names()
    folder, _, name = path.rpartition("/")
    likely = name in whole or folder.rpartition("/")[2] in folders or patterns.fullmatch(name) is not None
    return likely and bool(readers_of(path))


def claims(path: str, size: int, mode: int) -> bool:
    """Return whether a file may hold packages, by its path relative to the root, or as a program by its permissions."""
    return path in _RELEASES or claims_name(path) or (size >= _LEAST_PROGRAM and mode & _EXECUTABLE != 0)


def claims_head(path: str, head: bytes) -> bool:
    """Return whether a file that is claimed by its permissions alone is a program, by its first bytes."""
    return path in _RELEASES or bool(readers_of(path, head[:HEAD]))


def read_contents(path: str, content: bytes, beside: Callable[[str], bytes | None]) -> FileContents | None:
    """Return what a file holds, None for nothing; what a reader cannot read is told, and the others read on."""
    found = FileContents(
        release=content[:_MAX_RELEASE].decode("utf-8", "replace") if path in _RELEASES else ""
    )
    for reader in readers_of(path, content[:HEAD]):
        try:
            reading = read_with(reader, InventoryFile(path, content, beside))
        except UnreadableInventoryError as error:
            unread = UnreadFile(path, f"{reader.title}: {error.message} (line {error.line})")
            found = msgspec.structs.replace(found, unread=(*found.unread, unread))
            continue
        aside = tuple(SetAsideEntry(path, entry.line, entry.reason) for entry in reading.set_aside)
        found = msgspec.structs.replace(
            found, packages=(*found.packages, *reading.packages), set_aside=(*found.set_aside, *aside)
        )
    return found if found != FileContents() else None
