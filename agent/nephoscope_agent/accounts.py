"""Accounts: names of users and groups from the files of the host, read again when they change."""

from __future__ import annotations

import os
import time
from pathlib import Path

_Stamp = tuple[int, int, int]
#: Seconds for which a file is not looked at again.
_FRESH_SECONDS = 2.0


class _AccountNames:
    """The names of one file, and when it was looked at."""

    def __init__(self) -> None:
        self.looked = -_FRESH_SECONDS
        self.stamp: _Stamp = (0, 0, 0)
        self.names: dict[int, str] = {}


_known: dict[str, _AccountNames] = {}


def user_name(uid: int, root: str = "/") -> str:
    """Return the name of a user, the number where no file names it."""
    return _read_names(f"{root}/etc/passwd").get(uid, str(uid))


def read_group_name(gid: int, root: str = "/") -> str:
    """Return the name of a group, the number where no file names it."""
    return _read_names(f"{root}/etc/group").get(gid, str(gid))


def read_entries(path: Path, least: int) -> list[list[str]]:
    """Return the entries of a file with fields between colons that has at least so many of them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    entries = (line.split(":") for line in text.splitlines() if line and not line.startswith("#"))
    return [entry for entry in entries if len(entry) >= least]


def _read_names(path: str) -> dict[int, str]:
    kept = _known.setdefault(path, _AccountNames())
    now = time.monotonic()
    if now - kept.looked < _FRESH_SECONDS:
        return kept.names
    kept.looked = now
    try:
        found = os.stat(path)
    except OSError:
        kept.names = {}
        return kept.names
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    if stamp != kept.stamp:
        names: dict[int, str] = {}
        for entry in read_entries(Path(path), 3):
            if entry[2].isdecimal():
                names.setdefault(int(entry[2]), entry[0])
        kept.stamp, kept.names = stamp, names
    return kept.names
