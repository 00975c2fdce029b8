"""Scans the monitored files of a root."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from errno import ENODATA, ENOTSUP
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from nephoscope.protect.baseline.file_view import UnreadableRootFileError
from nephoscope.protect.baseline.folder_view import FolderView
from nephoscope.protect.files.file_record import FileRecord
from nephoscope.protect.files.monitored_paths import PathRule

MAX_FILES = 500_000
_MAX_HASHED = 4 << 30
_MAX_TEXT = 64 << 10
_BLOCK = 1 << 20
MAX_DEPTH = 64
_KEPT = "/etc/"
#: Files whose content is never kept, only hashed.
_SECRET = (
    "*shadow*",
    "*key*",
    "*.pem",
    "*.p12",
    "*.pfx",
    "*secret*",
    "*passw*",
    "*/ssl/private/*",
    "*token*",
    "*credential*",
    "*.keytab",
)
_NOT_SECRET = ("/etc/passwd", "/etc/passwd-")


class MonitoringScanError(Exception):
    """A root that cannot be scanned as a whole."""


def scan_files(root: Path, rules: Iterable[PathRule]) -> dict[str, FileRecord]:
    """Return the record of every monitored file by its path; raises MonitoringScanError where there are too many."""
    found: dict[str, FileRecord] = {}
    view = FolderView(root)
    for rule in rules:
        try:
            starts = _list_start_paths(view, root, rule)
        except UnreadableRootFileError as error:
            folder = rule.path.rpartition("/")[0]
            found[folder] = FileRecord(folder, "other", problem=error.reason)
            continue
        for path, place in starts:
            for one in _walk_monitored_path(place, path, rule, 0):
                found[one.path] = one
                if len(found) > MAX_FILES:
                    raise MonitoringScanError(f"more than {MAX_FILES:,} files are monitored: exclude some")
    return found


def _list_start_paths(view: FolderView, root: Path, rule: PathRule) -> list[tuple[str, Path]]:
    """Return the paths that a rule begins at, each with its place; raises UnreadableRootFileError.

    Links of folders above it stay inside of the root, as with chroot.
    """
    folder, _, name = rule.path.rstrip("/").rpartition("/")
    inside = view.resolve(folder)
    if inside is None:
        return []
    is_pattern = any(mark in name for mark in "*?[")
    names = [one for one in view.names(folder) if fnmatchcase(one, name)] if is_pattern else [name]
    return [(f"{folder}/{one}", root / inside / one) for one in names]


def _walk_monitored_path(place: Path, path: str, rule: PathRule, depth: int) -> Iterator[FileRecord]:
    if rule.is_excluded(path):
        return
    record = read_record(place, path)
    if record is None:
        return
    names, problem = _list_names(place, record)
    if names and depth >= MAX_DEPTH:
        names, problem = [], f"folders deeper than {MAX_DEPTH} levels are not scanned"
    yield msgspec.structs.replace(record, problem=problem)
    for name in names:
        yield from _walk_monitored_path(place / name, f"{path.rstrip('/')}/{name}", rule, depth + 1)


def _list_names(place: Path, record: FileRecord) -> tuple[list[str], str]:
    """Return the names in a folder, none of another kind of file, and why the record is not complete."""
    if record.kind != "folder" or record.problem:
        return [], record.problem
    try:
        return sorted(os.listdir(place)), ""  # noqa: PTH208 - names alone
    except OSError as error:
        return [], error.strerror or "unreadable"


def read_record(place: Path, path: str) -> FileRecord | None:
    """Return the record of the file at a place by its path from the root; None where it does not exist."""
    try:
        about = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return FileRecord(path, "other", problem=error.strerror or "unreadable")
    mode, kind = stat.S_IMODE(about.st_mode), _get_file_kind(about.st_mode)
    link = sha256 = problem = ""
    text: str | None = None
    try:
        if kind == "link":
            link = str(place.readlink())
        elif kind == "file" and about.st_size > _MAX_HASHED:
            problem = f"more than {_MAX_HASHED:,} bytes are not hashed"
        elif kind == "file":
            sha256, text = _read_content(place, path, about.st_size)
    except OSError as error:
        problem = error.strerror or "unreadable"
    size = about.st_size if kind == "file" else 0
    return FileRecord(
        path, kind, mode, about.st_uid, about.st_gid, size, sha256, link, _read_xattrs(place), text, problem
    )


def _get_file_kind(mode: int) -> str:
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "other")


def _read_content(place: Path, path: str, size: int) -> tuple[str, str | None]:
    """Return the digest of a file and, of a small configuration file, its text."""
    made, first = hashlib.sha256(), b""
    with os.fdopen(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
        while block := stream.read(_BLOCK):
            first = first or block
            made.update(block)
    keeps = path.startswith(_KEPT) and size <= _MAX_TEXT and b"\0" not in first and not _is_secret(path)
    return made.hexdigest(), first.decode("utf-8", "replace") if keeps else None


def _is_secret(path: str) -> bool:
    return path not in _NOT_SECRET and any(fnmatchcase(path.lower(), pattern) for pattern in _SECRET)


def _read_xattrs(place: Path) -> dict[str, str]:
    """Return the extended attributes in hexadecimal; none where the file system has none."""
    try:
        names = os.listxattr(place, follow_symlinks=False)
        return {name: os.getxattr(place, name, follow_symlinks=False).hex() for name in sorted(names)}
    except OSError as error:
        if error.errno in (ENOTSUP, ENODATA):
            return {}
        return {"": error.strerror or "unreadable"}
