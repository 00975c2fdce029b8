"""The audit of what was restored: an entry says of which backup, and the anchor goes on from there.

The anchor of the moment of the backup comes along: entries that had been taken off the end before it are told after a restore too.
"""

from __future__ import annotations

from pathlib import Path

from nephoscope.lake.backup.backup_archive import BackupManifest
from nephoscope.state.audit.audit import Audit
from nephoscope.state.audit.audit_anchor import NAME, AuditAnchor
from nephoscope.state.database.database import Database
from nephoscope.state.database.migration import migrate_database

OPERATION = "Nephoscope/backups/restore/action"
#: Of the hash over a backup, what people compare and type.
DIGITS = 16
ANCHOR = f"keys/{NAME}"


def read_anchor(data: Path) -> bytes | None:
    """The anchor of a data folder as it is, None where there is none; OSError where it cannot be read."""
    try:
        return (data / ANCHOR).read_bytes()
    except FileNotFoundError:
        return None


def audit_restore(database: Database, keys: Path, file: Path, manifest: BackupManifest, author: str) -> None:
    """Add the entry to a restored state, with `keys` the folder of its anchor; StateError where the state is of a newer release."""
    migrate_database(database)
    audit = Audit(database, AuditAnchor(keys))
    with database.write() as session:
        audit.add(
            session,
            author,
            OPERATION,
            file.name,
            detail={"made": manifest.made, "digest": manifest.hash[:DIGITS]},
        )
