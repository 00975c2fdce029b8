"""Restoring a backup into a folder that holds nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from nephoscope.lake.backup.backup_archive import BackupError, BackupManifest, unpack_backup
from nephoscope.lake.backup.backup_writer import STATE
from nephoscope.lake.backup.restore_review import Admit, accept_without_review, check_state, needs_review
from nephoscope.lake.backup.restored_audit import audit_restore
from nephoscope.state.database.database import Database
from nephoscope.state.state_copy import load

Tell = Callable[[str, int, int], None]


def check(file: Path, tell: Tell = lambda *_: None, look: Admit | None = None) -> BackupManifest:
    """Read a whole backup and compare every byte with its hashes; BackupError where one differs.

    `look` sees what decides something of what it holds, in a folder that goes again.
    """
    if look is None:
        return _unpack_backup(file, None, tell)
    with TemporaryDirectory(prefix="nephoscope-") as folder:
        manifest = _unpack_backup(file, Path(folder), tell, needs_review)
        check_state(Path(folder))
        look(Path(folder), manifest)
    return manifest


def restore_data_folder(
    file: Path,
    data: Path,
    url: str | None = None,
    tell: Tell = lambda *_: None,
    *,
    author: str = "restore",
    admit: Admit = accept_without_review,
) -> BackupManifest:
    """Make a data folder of a backup; it appears whole, after every hash was found right, or not at all.

    A folder that is there and empty may be a volume of its own: it stays, and what it is to hold is unpacked within it and moved up
    at the end, the state last, so that one that was left in the middle is no data folder.

    `admit` decides whether what it holds may be used here, before anything of it is. `url` is that of another database for the state
    (default: state.db in the folder); the audit says who the `author` is.
    BackupError where the folder holds something, or the backup is damaged; StateError where that database does, or the state is none.
    """
    check_empty(data)
    there = data.exists()
    data.parent.mkdir(parents=True, exist_ok=True)
    name = f".{data.name}.restoring-{uuid4().hex[:8]}"
    part = data / name if there else data.with_name(name)
    part.mkdir(mode=0o700)
    try:
        manifest = _unpack_backup(file, part, tell)
        check_state(part)
        admit(part, manifest)
        if url:
            _load_state_database(part / STATE, url)
        _audit_restore(
            Database.open(url) if url else Database.open_file(part / STATE), part, file, manifest, author
        )
        for folder in (part, *(path for path in part.rglob("*") if path.is_dir())):
            _sync_folder(folder)
        if there:
            _move_up(part, data)
        else:
            part.rename(data)
            _sync_folder(data.parent)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return manifest


def check_empty(data: Path) -> None:
    """Raise BackupError where something is there; `lost+found` is the file system's own."""
    if not data.exists():
        return
    held = sorted(one.name for one in data.iterdir() if one.name != "lost+found") if data.is_dir() else None
    if held is None or held:
        problem = f"holds something ({', '.join(held[:3])})" if held else "is a file"
        raise BackupError(f"{data} exists and {problem}: a restore overwrites nothing")


def _move_up(part: Path, data: Path) -> None:
    """Put what a folder within another holds into that, the state last; what was moved goes again where one cannot be."""
    moved: list[Path] = []
    try:
        for path in sorted(part.iterdir(), key=lambda one: one.name.startswith(STATE)):
            path.rename(data / path.name)
            moved.append(data / path.name)
        _sync_folder(data)
    except OSError:
        for path in moved:
            path.rename(part / path.name)
        raise


def _load_state_database(saved: Path, url: str) -> None:
    """Put the state into another database; the file of it goes."""
    database = Database.open(url)
    try:
        load(saved, database)
    finally:
        database.close()
    for path in saved.parent.glob(f"{STATE}*"):
        path.unlink()


def _audit_restore(database: Database, part: Path, file: Path, manifest: BackupManifest, author: str) -> None:
    try:
        audit_restore(database, part / "keys", file, manifest, author)
    finally:
        database.close()


def _unpack_backup(
    file: Path, folder: Path | None, tell: Tell, wanted: Callable[[str], bool] | None = None
) -> BackupManifest:
    total = file.stat().st_size
    last: BackupManifest | None = None
    with file.open("rb") as stream:
        done = 0
        for entry, manifest in unpack_backup(stream, folder, wanted or (lambda _: True)):
            done += entry.size
            tell("restoring" if folder and wanted is None else "checking", min(done, total), total)
            last = manifest or last
    if last is None:
        raise BackupError(f"{file}: the backup is incomplete")
    return last


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
