"""Disk-full fallback: report the full disk and serve a read-only in-memory copy of the state.

SQLite's write-ahead log needs a file of shared memory beside the database, which has no room then: not even reading is possible.
"""

from __future__ import annotations

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

#: With fewer bytes free a database cannot be opened, or its next commit fails.
LEAST = 1 << 20
#: Bytes at the beginning of a database: https://www.sqlite.org/fileformat.html
_HEADER = 100
_FAILURES = ("disk I/O error", "disk is full", "unable to open database file")


def explain_full_disk(file: Path, failure: str) -> str:
    """Return what to do where a failure of SQLite is that of a full disk; '' where it is not."""
    if not any(one in failure for one in _FAILURES):
        return ""
    found = os.statvfs(file.parent)
    free = found.f_bavail * found.f_frsize
    if free >= LEAST and found.f_favail:
        return ""
    left = f"{free >> 10:,} KiB are free" if found.f_favail else "no file can be added"
    return (
        f"the disk is full ({left}): nothing can be kept before there is room; make some and run this again"
    )


def copy_to_memory(file: Path) -> Callable[[], sqlite3.Connection] | None:
    """Return what connects to a copy in memory of a database, to be read only; None where not all that was kept is in its file.

    The copy is there until what is returned is gone and its connections are closed.
    """
    before = _read_file_stamp(file)
    content = bytearray(file.read_bytes()) if before else bytearray()
    if before is None or _read_file_stamp(file) != before or len(content) < _HEADER:
        return None
    content[18:20] = b"\x01\x01"  # a database in memory has no write-ahead log
    place = f"file:/{uuid.uuid4().hex}?vfs=memdb"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(place, uri=True, check_same_thread=False)

    first = connect()
    with closing(sqlite3.connect(":memory:")) as whole:
        whole.deserialize(bytes(content))
        whole.backup(first)

    def connect_copy(_first: sqlite3.Connection = first) -> sqlite3.Connection:
        connection = connect()
        connection.execute("PRAGMA query_only = ON")
        return connection

    return connect_copy


def _read_file_stamp(file: Path) -> tuple[int, int] | None:
    """Return what changes whenever the file does; None where commits wait in the log beside it."""
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        return None
    found = file.stat()
    return found.st_mtime_ns, found.st_size
