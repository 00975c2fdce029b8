"""Backups of the data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.instance import BACKED_UP
from nephoscope.lake.backup.backup_restore import restore_data_folder
from nephoscope.lake.backup.backup_writer import back_up
from nephoscope.lake.backup.restored_audit import OPERATION as RESTORE
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nephoscope.lake.backup.backup_archive import BackupManifest
    from nephoscope.lake.lake import Lake
    from nephoscope.service.actors import AuthorizedActor
    from nephoscope.service.service_context import ServiceContext

WRITE = "Nephoscope/backups/write"
SECRETS = "Nephoscope/secrets/write"


def write_backup(
    context: ServiceContext, lake: Lake, file: Path, *, keys: bool, tell: Callable[[str, int, int], None]
) -> BackupManifest:
    """Write a backup to a file that is not there yet, and note it with its entry;
    `keys`: with the keys of the credentials, which is an owner's.

    Raises DeniedError before anything is written; BackupError where it cannot be.
    """
    context.require(WRITE)
    if keys:
        context.require(SECRETS, why="a backup with the keys of the credentials")
    manifest = back_up(context.data, lake, context.state, file, keys=keys, tell=tell)
    place, size = str(file.absolute()), file.stat().st_size
    record = {"file": place, "files": len(manifest.entries), "bytes": size, "keys": keys}
    with context.change(WRITE, ROOT_SCOPE, place, keys=keys):
        context.state.checkpoints.put(*BACKED_UP, {"at": context.now.isoformat(), **record})
    return manifest


def restore_backup(
    actor: AuthorizedActor,
    file: Path,
    data: Path,
    state_url: str | None,
    *,
    admit: Callable[[Path, BackupManifest], None],
    tell: Callable[[str, int, int], None],
) -> BackupManifest:
    """Make a data folder, which is empty or not there, of a backup; its audit goes on with an entry of the actor.

    `admit` raises BackupError for a backup that nobody accepts. Raises DeniedError before anything is read, BackupError and
    StateError where it cannot be restored.
    """
    actor.require(RESTORE, ROOT_SCOPE)
    actor.require(SECRETS, ROOT_SCOPE, "a restore can grant access to other users")
    return restore_data_folder(file, data, state_url, tell, author=actor.name, admit=admit)
