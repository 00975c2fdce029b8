"""File readers: the package readers that claim a file, and operating system files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from nephoscope.collect.images.layers import UnreadLayerFile
from nephoscope.collect.inventory.discovery import (
    HEAD,
    InventoryReader,
    find_readers,
    is_claimed,
    load_inventory_readers,
    run_reader,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.operating_system import is_release_path
from nephoscope.collect.scanning.scan_contents import FileContents, SetAsideEntry

#: A file of more bytes is not read: it would have to be held in memory as a whole.
MAX_SIZE = 200_000_000
_MAX_RELEASE = 65_536
_EXECUTABLE = 0o111
#: Folders whose content package managers installed, those in which a distribution keeps what it packages of languages, and the readers
#: of the descriptions that installed packages have.
_INSTALLED = frozenset(
    (
        "node_modules",
        "site-packages",
        "dist-packages",
        "gems",
        "Pods",
        "bower_components",
        "maven-repo",
        ".m2",
    )
)
_OF_DISTRIBUTION = (
    "usr/lib/nodejs/", "usr/lib/ruby/", "usr/share/cargo/registry/", "usr/share/gocode/", "usr/share/nodejs/",
    "usr/share/rubygems-integration/",
)  # fmt: skip
_OF_INSTALLED = frozenset(
    (
        "package_json",
        "python_metadata",
        "gemspec",
        "java_archive",
        "conda_package",
        "dotnet_deps",
        "r_description",
        "kernel_module",
        "vsix",
    )
)
#: No program of a language that leaves its modules in it is smaller.
_LEAST_PROGRAM = 65_536


def recognizes_name(path: str) -> bool:
    """Return whether a reader claims a file by its path."""
    return is_claimed(path) and (not _is_installed_package_file(path) or bool(_select_readers(path)))


def _is_installed_package_file(path: str) -> bool:
    """Return whether a file stands in a folder of packages that a package manager installed."""
    return path.startswith(_OF_DISTRIBUTION) or not _INSTALLED.isdisjoint(path.split("/")[:-1])


def _select_readers(path: str, head: bytes = b"") -> tuple[InventoryReader, ...]:
    """Return the readers of a file.

    In a folder of installed packages those of lists are left out: what the makers of a package worked with is not installed with it.
    """
    readers = find_readers(path, head)
    return (
        tuple(one for one in readers if one.name in _OF_INSTALLED or one.magic)
        if readers and _is_installed_package_file(path)
        else readers
    )


def recognizes(path: str, size: int, mode: int) -> bool:
    """Return whether a file may hold packages, by its path relative to the root, or as a program by its permissions."""
    return (
        is_release_path(path) or recognizes_name(path) or (size >= _LEAST_PROGRAM and mode & _EXECUTABLE != 0)
    )


def recognizes_head(path: str, head: bytes) -> bool:
    """Return whether a file that is claimed by its permissions alone is a program, by its first bytes."""
    return is_release_path(path) or bool(_select_readers(path, head[:HEAD]))


def is_lone_program(path: str, head: bytes) -> bool:
    """Return whether a file is a program that nothing but its first bytes claims: no list speaks of it, and it speaks of none."""
    return not is_release_path(path) and all(
        one.magic and not one.patterns for one in _select_readers(path, head[:HEAD])
    )


def read_bill_contents(path: str, content: bytes) -> FileContents:
    """Return what a bill of materials of any name holds."""
    return _read_with_readers(
        (load_inventory_readers()["bill_of_materials"],), FileContents(), InventoryFile(path, content)
    )


def read_contents(path: str, content: bytes, beside: Callable[[str], bytes | None]) -> FileContents | None:
    """Return what a file holds, None for nothing; what a reader cannot read is told, and the others read on."""
    found = FileContents(
        release=content[:_MAX_RELEASE].decode("utf-8", "replace") if is_release_path(path) else ""
    )
    found = _read_with_readers(
        _select_readers(path, content[:HEAD]), found, InventoryFile(path, content, beside)
    )
    return found if found != FileContents() else None


def _read_with_readers(
    readers: Iterable[InventoryReader], found: FileContents, file: InventoryFile
) -> FileContents:
    """Return what was found in a file with what readers find in it."""
    for reader in readers:
        try:
            reading = run_reader(reader, file)
        except UnreadableInventoryError as error:
            unread = UnreadLayerFile(file.path, f"{reader.title}: {error.message} (line {error.line})")
            found = msgspec.structs.replace(found, unread=(*found.unread, unread))
            continue
        aside = tuple(SetAsideEntry(file.path, entry.line, entry.reason) for entry in reading.set_aside)
        found = msgspec.structs.replace(
            found, packages=(*found.packages, *reading.packages), set_aside=(*found.set_aside, *aside)
        )
    return found
