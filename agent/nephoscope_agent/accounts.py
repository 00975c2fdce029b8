"""Accounts: names of users and groups from the files of the host, read again when they change."""

from __future__ import annotations

import os
from pathlib import Path

_Stamp = tuple[int, int, int]
_known: dict[str, tuple[_Stamp, dict[int, str]]] = {}


def user_name(uid: int, root: str = "/") -> str:
    """Return the name of a user, the number where no file names it."""
    return _names(Path(root) / "etc/passwd").get(uid, str(uid))


def group_name(gid: int, root: str = "/") -> str:
    """Return the name of a group, the number where no file names it."""
    return _names(Path(root) / "etc/group").get(gid, str(gid))


def read_entries(path: Path, least: int) -> list[list[str]]:
    """Return the entries of a file with fields between colons that has at least so many of them."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    entries = (line.split(":") for line in text.splitlines() if line and not line.startswith("#"))
    return [entry for entry in entries if len(entry) >= least]


def _names(path: Path) -> dict[int, str]:
    try:
        found = os.stat(path)
    except OSError:
        return {}
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    kept = _known.get(str(path))
    if kept is None or kept[0] != stamp:
        names: dict[int, str] = {}
        for entry in read_entries(path, 3):
            if entry[2].isdigit():
                names.setdefault(int(entry[2]), entry[0])
        _known[str(path)] = kept = (stamp, names)
    return kept[1]
