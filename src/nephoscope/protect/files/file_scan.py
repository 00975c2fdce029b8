"""Scans the monitored files of a root."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from errno import ENODATA, ENOTSUP
from fnmatch import fnmatchcase
from pathlib import Path

from nephoscope.protect.files.file_record import FileRecord
from nephoscope.protect.files.monitored_paths import PathRule

MAX_FILES = 500_000
_MAX_HASHED = 4 << 30
_MAX_TEXT = 64 << 10
_BLOCK = 1 << 20
_DEEPEST = 64
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
    for rule in rules:
        for path in _starts(root, rule):
            for one in _walk(root, path, rule, 0):
                found[one.path] = one
                if len(found) > MAX_FILES:
                    raise MonitoringScanError(f"more than {MAX_FILES:,} files are monitored: exclude some")
    return found


def _starts(root: Path, rule: PathRule) -> Iterator[str]:
    """Yield the paths that a rule begins at."""
    folder, _, name = rule.path.rstrip("/").rpartition("/")
    if not any(mark in name for mark in "*?["):
        yield rule.path.rstrip("/") or "/"
        return
    try:
        names = sorted(os.listdir(_place(root, folder or "/")))  # noqa: PTH208 - names alone
    except OSError:
        return
    yield from (f"{folder}/{one}" for one in names if fnmatchcase(one, name))


def _walk(root: Path, path: str, rule: PathRule, depth: int) -> Iterator[FileRecord]:
    if rule.excludes(path) or depth > _DEEPEST:
        return
    record = read_record(root, path)
    if record is None:
        return
    yield record
    if record.kind == "folder" and not record.problem:
        try:
            names = sorted(os.listdir(_place(root, path)))  # noqa: PTH208 - names alone
        except OSError:
            return
        for name in names:
            yield from _walk(root, f"{path.rstrip('/')}/{name}", rule, depth + 1)


def read_record(root: Path, path: str) -> FileRecord | None:
    """Return the record of a file; None where it does not exist."""
    place = _place(root, path)
    try:
        about = os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        return FileRecord(path, "other", problem=error.strerror or "unreadable")
    mode, kind = stat.S_IMODE(about.st_mode), _kind(about.st_mode)
    link = sha256 = problem = ""
    text: str | None = None
    try:
        if kind == "link":
            link = str(place.readlink())
        elif kind == "file":
            sha256, text = _read_content(place, path, about.st_size)
        elif kind == "folder":
            os.scandir(place).close()
    except OSError as error:
        problem = error.strerror or "unreadable"
    size = about.st_size if kind == "file" else 0
    return FileRecord(
        path, kind, mode, about.st_uid, about.st_gid, size, sha256, link, _read_xattrs(place), text, problem
    )


def _place(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _kind(mode: int) -> str:
    kinds = ((stat.S_ISREG, "file"), (stat.S_ISDIR, "folder"), (stat.S_ISLNK, "link"))
    return next((name for is_kind, name in kinds if is_kind(mode)), "other")


def _read_content(place: Path, path: str, size: int) -> tuple[str, str | None]:
    """Return the digest of a file and, of a small configuration file, its text."""
    if size > _MAX_HASHED:
        return "", None
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
