"""Scans a root: of the running host, of a disk that is mounted, of a folder that an image was unpacked to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from nephoscope.collect.images.layers import Placed, UnreadFile
from nephoscope.collect.inventory.discovery import HEAD
from nephoscope.collect.scanning.contents import Contents, FileContents
from nephoscope.collect.scanning.file_reading import MAX_SIZE, claims, claims_head, read_contents
from nephoscope.collect.scanning.gathering import gather

#: Folders of the kernel and of things that run: what is in them is not installed.
PASSED_OVER = ("dev", "proc", "sys", "run", "tmp", "var/tmp", "var/run")
#: Where engines keep the layers of images: an image is scanned as an image.
STORES = ("var/lib/docker", "var/lib/containerd", "var/lib/containers/storage", "var/lib/kubelet/pods")
_MAX_FILES = 20_000_000
_DEEPEST = 128


class RootError(Exception):
    """A root that cannot be scanned: the message says why."""


@dataclass(frozen=True, slots=True)
class RootScan:
    """How a root is scanned: what is passed over (relative to it), and whether other file systems are looked into."""

    root: Path
    passed_over: tuple[str, ...] = (*PASSED_OVER, *STORES)
    one_file_system: bool = True


def scan_root(scan: RootScan) -> Contents:
    """Return the contents of a root; links are not followed. Raises RootError where it is no folder that can be read."""
    try:
        device = scan.root.stat().st_dev
        if not scan.root.is_dir():
            raise RootError(f"{scan.root} is no folder")
    except OSError as error:
        raise RootError(f"{scan.root} cannot be read: {error.strerror}") from error
    unread: list[UnreadFile] = []
    files: dict[str, Placed[FileContents]] = {}
    for path in _walk(scan, device, unread):
        if (found := _read(scan.root, path, unread)) is not None:
            files[path] = Placed("", found)
    return gather(files, unread)


def _walk(scan: RootScan, device: int, unread: list[UnreadFile]) -> Iterator[str]:
    """Yield the files that are claimed, relative to the root, folder after folder in the order of their names."""
    folders = [("", 0)]
    seen = 0
    while folders:
        folder, depth = folders.pop()
        inner: list[str] = []
        for entry in _entries(scan.root, folder, unread):
            seen += 1
            if seen > _MAX_FILES:
                raise RootError(f"{scan.root} has more than {_MAX_FILES} files")
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if path not in scan.passed_over and depth < _DEEPEST and _is_here(entry, scan, device):
                    inner.append(path)
            elif entry.is_file(follow_symlinks=False) and _is_claimed(entry, path, unread):
                yield path
        folders += [(path, depth + 1) for path in reversed(inner)]


def _entries(root: Path, folder: str, unread: list[UnreadFile]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        unread.append(UnreadFile(folder, f"the folder cannot be read: {error.strerror}"))
        return []


def _is_here(entry: os.DirEntry[str], scan: RootScan, device: int) -> bool:
    return not scan.one_file_system or entry.stat(follow_symlinks=False).st_dev == device


def _is_claimed(entry: os.DirEntry[str], path: str, unread: list[UnreadFile]) -> bool:
    about = entry.stat(follow_symlinks=False)
    if not claims(path, about.st_size, about.st_mode):
        return False
    if about.st_size > MAX_SIZE:
        unread.append(UnreadFile(path, f"it has {about.st_size} bytes, more than {MAX_SIZE}"))
        return False
    return True


def _read(root: Path, path: str, unread: list[UnreadFile]) -> FileContents | None:
    def beside(other: str) -> bytes | None:
        target = root / other
        try:
            about = target.lstat()
            return target.read_bytes() if stat.S_ISREG(about.st_mode) and about.st_size <= MAX_SIZE else None
        except OSError:
            return None

    try:
        with (root / path).open("rb") as stream:
            head = stream.read(HEAD)
            if not claims_head(path, head):
                return None
            return read_contents(path, head + stream.read(MAX_SIZE), beside)
    except OSError as error:
        unread.append(UnreadFile(path, f"it cannot be read: {error.strerror}"))
        return None
