"""Scans a root: of the running host, of a disk that is mounted, of a folder that an image was unpacked to."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from errno import EACCES
from pathlib import Path
from typing import BinaryIO

from nephoscope.collect.images.layers import LayerFind, UnreadLayerFile, merge_findings
from nephoscope.collect.images.tar_entries import EntryKind, TarEntry
from nephoscope.collect.inventory.discovery import HEAD
from nephoscope.collect.scanning.content_builder import build_contents
from nephoscope.collect.scanning.disk_images import find_disk_format
from nephoscope.collect.scanning.file_inspection import ContentInspector
from nephoscope.collect.scanning.file_readers import (
    MAX_SIZE,
    read_bill_contents,
    read_contents,
    recognizes,
    recognizes_head,
)
from nephoscope.collect.scanning.scan_contents import MAX_ENTRIES, FileContents, InventoryContents
from nephoscope.collect.scanning.scan_options import PACKAGES, LookedFor

#: Folders of the kernel and of things that run: what is in them is not installed.
PASSED_OVER = ("dev", "proc", "sys", "run", "var/run")
#: Folders of what is there for a while: it is not installed, but it may be malware.
PASSING = ("tmp", "var/tmp")
#: Where engines keep the layers of images: an image is scanned as an image.
STORES = ("var/lib/docker", "var/lib/containerd", "var/lib/containers/storage", "var/lib/kubelet/pods")
_MAX_FILES = 20_000_000
_DEEPEST = 128


class RootError(Exception):
    """A root that cannot be scanned: the message says why."""


@dataclass(frozen=True, slots=True)
class RootScan:
    """Settings of a root scan: paths to skip (relative to it), whether to stay on one file system, what to look for."""

    root: Path
    passed_over: tuple[str, ...] = (*PASSED_OVER, *STORES)
    one_file_system: bool = True
    looked_for: LookedFor = PACKAGES

    def is_skipped(self, path: str) -> bool:
        """Return whether a folder is not looked into; those of what is there for a while are where malware is looked for."""
        return path in self.passed_over or (path in PASSING and self.looked_for.malware is None)


def scan_root(scan: RootScan) -> InventoryContents:
    """Return the contents of a folder, whose links are not followed, or of a list of packages; raises RootError for anything else."""
    return build_contents(*read_root(scan))


def read_root(scan: RootScan) -> tuple[dict[str, LayerFind[FileContents]], list[UnreadLayerFile]]:
    """Return what the files of a root hold, by path, and what could not be read; raises RootError."""
    try:
        if scan.root.is_file():
            return _read_list(scan.root), []
        device = scan.root.stat().st_dev
        if not scan.root.is_dir():
            raise RootError(f"{scan.root} is not a folder")
    except OSError as error:
        raise RootError(f"{scan.root} cannot be read: {error.strerror}") from error
    unread: list[UnreadLayerFile] = []
    files: dict[str, FileContents] = {}
    entries = 0
    inspector = ContentInspector(scan.looked_for) if scan.looked_for.digest else None
    for entry in _walk_root(scan, device, unread):
        found = _read_entry(scan.root, entry, inspector, unread)
        if found is not None:
            files[entry.path] = found
            entries += found.entries
            if entries > MAX_ENTRIES:
                raise RootError(f"{scan.root} has more than {MAX_ENTRIES} packages and unreadable entries")
    if inspector:
        merge_findings(files, inspector.finish(), inspector)
    return {path: LayerFind("", found) for path, found in files.items()}, unread


def _read_list(path: Path) -> dict[str, LayerFind[FileContents]]:
    """Return what a list of packages says, whatever a bill of materials is called; raises RootError, OSError."""
    if disk := find_disk_format(path):
        raise RootError(f"{path} is a disk image ({disk}): mount it read-only, and use the folder")
    beside = _make_sibling_reader(path.resolve().parent)
    content = beside(path.resolve().name)
    if content is None:
        raise RootError(f"{path} cannot be read, or has more than {MAX_SIZE} bytes")
    found = read_contents(path.name, content, beside) or read_bill_contents(path.name, content)
    if found.unread and not found.packages:
        raise RootError(f"{path} cannot be read: {found.unread[0].reason}")
    return {path.name: LayerFind("", found)}


def _walk_root(scan: RootScan, device: int, unread: list[UnreadLayerFile]) -> Iterator[TarEntry]:
    """Yield files and folders relative to the root, folder after folder in the order of their names."""
    folders = [("", 0)]
    seen = 0
    while folders:
        folder, depth = folders.pop()
        inner: list[str] = []
        for entry in _list_entries(scan.root, folder, unread):
            seen += 1
            if seen > _MAX_FILES:
                raise RootError(f"{scan.root} has more than {_MAX_FILES} files")
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not scan.is_skipped(path) and depth < _DEEPEST and _is_here(entry, scan, device):
                    inner.append(path)
                    if described := _describe_entry(path, EntryKind.DIRECTORY, entry):
                        yield described
            elif entry.is_file(follow_symlinks=False) and (
                file := _describe_entry(path, EntryKind.FILE, entry)
            ):
                yield file
        folders += [(path, depth + 1) for path in reversed(inner)]


def _describe_entry(path: str, kind: EntryKind, entry: os.DirEntry[str]) -> TarEntry | None:
    """Return a file or folder as a layer would describe it, None for one that has just gone."""
    try:
        about = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return TarEntry(path, kind, about.st_size, about.st_mode, "", 0)


def _list_entries(root: Path, folder: str, unread: list[UnreadLayerFile]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        unread.append(UnreadLayerFile(folder, f"the folder cannot be read: {error.strerror}"))
        return []


def _is_here(entry: os.DirEntry[str], scan: RootScan, device: int) -> bool:
    return not scan.one_file_system or entry.stat(follow_symlinks=False).st_dev == device


def _read_entry(
    root: Path, entry: TarEntry, inspector: ContentInspector | None, unread: list[UnreadLayerFile]
) -> FileContents | None:
    """Return what a file or a folder is found to be, None for nothing."""
    if entry.kind is EntryKind.DIRECTORY:
        return inspector.inspect(entry.path, entry, b"") if inspector else None
    claimed = _is_entry_claimed(entry, unread)
    wanted = inspector.count_bytes_wanted(entry.path, entry) if inspector else 0
    content = b""
    try:
        if claimed or wanted:
            content, claimed = _read_content(root, entry.path, claimed, wanted)
        seen = inspector.inspect(entry.path, entry, content[:wanted]) if inspector else None
        read = read_contents(entry.path, content, _make_sibling_reader(root)) if claimed else None
    except OSError as error:
        unread.append(UnreadLayerFile(entry.path, f"it cannot be read: {error.strerror}"))
        return None
    return inspector.join(read, seen) if inspector and read and seen else read or seen


def _is_entry_claimed(entry: TarEntry, unread: list[UnreadLayerFile]) -> bool:
    """Return whether a file may hold packages; one that is too large is told."""
    if entry.path.startswith(tuple(f"{folder}/" for folder in PASSING)):
        return False
    if not recognizes(entry.path, entry.size, entry.mode):
        return False
    if entry.size > MAX_SIZE:
        unread.append(UnreadLayerFile(entry.path, f"it has {entry.size} bytes, more than {MAX_SIZE}"))
        return False
    return True


def _read_content(root: Path, path: str, claimed: bool, wanted: int) -> tuple[bytes, bool]:
    """Return the bytes of a file that are looked at, and whether it holds packages by its first ones."""
    with _open_file(root, path) as stream:
        content = stream.read(max(HEAD, wanted))
        if not (claimed and recognizes_head(path, content)):
            return content, False
        stream.seek(0)  # what is read anew as a whole is held once
        return stream.read(MAX_SIZE), True


def _make_sibling_reader(root: Path) -> Callable[[str], bytes | None]:
    def read_sibling(other: str) -> bytes | None:
        try:
            if not (root / other).parent.resolve().is_relative_to(root.resolve()):
                return None
            with _open_file(root, other) as stream:
                return stream.read(MAX_SIZE) if os.fstat(stream.fileno()).st_size <= MAX_SIZE else None
        except OSError:
            return None

    return read_sibling


def _open_file(root: Path, path: str) -> BinaryIO:
    """Open a file of the root that is no link, without waiting where it became a pipe; raises OSError for what is no file."""
    stream = os.fdopen(os.open(root / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise PermissionError(EACCES, "it is not a file")
    return stream
