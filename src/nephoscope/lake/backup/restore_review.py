"""Restore review: backup contents that a user must accept before a restore, and what a backup omits.

The hashes of a backup say that it is whole, not who wrote it: whoever can write one can write its hashes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path, PurePosixPath

from nephoscope.lake.backup.backup_archive import BackupError, BackupManifest

STATE = "state.db"
#: Called with the folder that a backup was unpacked into and its manifest, before anything of it is used; BackupError refuses it.
Admit = Callable[[Path, BackupManifest], None]
#: Which files are looked at.
_LOOKED_AT = ("responses", "tls", "posture", STATE)


def accept_without_review(_folder: Path, _manifest: BackupManifest) -> None:
    """Refuse nothing: for a backup that was just made by whoever restores it."""


def needs_review(name: str) -> bool:
    """Return whether a file must be unpacked for somebody to look at what the backup decides."""
    return PurePosixPath(name).parts[0] in _LOOKED_AT and not name.endswith(".parquet")


def check_state(folder: Path) -> None:
    """BackupError where the database of the state would do something by itself when it is used: ours has tables and indexes only."""
    path = folder / STATE
    if not path.exists():
        return
    query = "SELECT type, name FROM sqlite_master WHERE type NOT IN ('table', 'index') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            odd = database.execute(query).fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{STATE} in the backup is not a state database: {error}") from error
    if odd is not None:
        raise BackupError(
            f"{STATE} in the backup holds the {odd[0]} {odd[1]}, which is not part of the state"
        )
