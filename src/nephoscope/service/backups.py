"""Backups of the data folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.instance import BACKED_UP
from nephoscope.lake.backup.taking import back_up
from nephoscope.service.actors import ROOT_SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from nephoscope.lake.backup.archive import Manifest
    from nephoscope.lake.lake import Lake
    from nephoscope.service.context import ServiceContext

WRITE = "Nephoscope/backups/write"


def take_backup(
    context: ServiceContext, lake: Lake, file: Path, *, keys: bool, tell: Callable[[str, int, int], None]
) -> Manifest:
    """Write a backup to a file that is not there yet, and note it with its entry; `keys`: with the keys of the credentials.

    Raises DeniedError before anything is written; BackupError where it cannot be.
    """
    context.require(WRITE)
    manifest = back_up(context.data, lake, context.state, file, keys=keys, tell=tell)
    place, size = str(file.absolute()), file.stat().st_size
    told = {"file": place, "files": len(manifest.entries), "bytes": size, "keys": keys}
    with context.change(WRITE, ROOT_SCOPE, place, keys=keys):
        context.state.checkpoints.put(*BACKED_UP, {"at": context.now.isoformat(), **told})
    return manifest
