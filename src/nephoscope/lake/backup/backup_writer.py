"""Backup writer."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from nephoscope.lake.backup.backup_archive import ArchiveWriter, BackupError, BackupManifest
from nephoscope.lake.backup.backup_contents import iterate_other_tables, list_loose_files, list_table_files
from nephoscope.lake.backup.consistent_cut import BackupCut, hold_consistent_cut
from nephoscope.lake.backup.restored_audit import ANCHOR, read_anchor
from nephoscope.lake.errors import LakeError
from nephoscope.lake.lake import Lake
from nephoscope.lake.storage.table_store import get_table_path
from nephoscope.state import State
from nephoscope.state.access.key_file import NAME as KEY_FILE

STATE = "state.db"
#: How long what waits in the spool is given to get into the tables; what does not is in the backup all the same.
FLUSH_SECONDS = 20.0
Tell = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class _File:
    """A file to be added: `fleeting` ones may be gone by then."""

    name: str
    path: Path
    fleeting: bool = False


def back_up(
    data: Path, lake: Lake, state: State, file: Path, *, keys: bool = False, tell: Tell = lambda *_: None
) -> BackupManifest:
    """Write a backup of a data folder to a new file, which appears when it is complete; the folder is in use meanwhile.

    `keys`: with the key file of the credentials; how far the audit went comes along without it. `tell(what, done, total)` hears of
    bytes. BackupError where the file is there already, or something that belongs to the backup cannot be read.
    """
    if file.exists():
        raise BackupError(f"{file} already exists: a backup overwrites nothing")
    if not file.parent.is_dir():
        raise BackupError(f"{file.parent}: folder not found")
    if data.resolve() in file.resolve().parents:
        raise BackupError(f"{file} is in the data folder: the next backup would contain it")
    _flush_lake(lake)
    # a name that nobody can foresee: in a folder that others write to a link of theirs must not be followed
    part = file.with_name(f".{file.name}.{secrets.token_hex(8)}.part")
    try:
        with os.fdopen(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
            # looked at before the cut: it is ahead of no state that is cut later
            anchor = read_anchor(data)
            with hold_consistent_cut(data, lake, state) as found:
                manifest = _write_backup_files(ArchiveWriter(out), data, found, anchor, keys=keys, tell=tell)
            out.flush()
            os.fsync(out.fileno())
        os.link(part, file)
    except FileExistsError as error:
        raise BackupError(f"{file} already exists: a backup overwrites nothing") from error
    finally:
        part.unlink(missing_ok=True)
    return manifest


def _flush_lake(lake: Lake) -> None:
    try:
        lake.flush(FLUSH_SECONDS)
    except LakeError:
        # the backup takes the spool with it
        return


def _write_backup_files(
    archive: ArchiveWriter, data: Path, found: BackupCut, anchor: bytes | None, *, keys: bool, tell: Tell
) -> BackupManifest:
    made = datetime.now(UTC).isoformat()
    with tempfile.TemporaryDirectory(prefix="nephoscope-") as folder:
        saved = Path(folder) / STATE
        found.save_state(saved)
        files = [
            _File(STATE, saved),
            *_list_anchor_file(anchor, Path(folder)),
            *_list_files(data, found, keys=keys),
        ]
        total = sum(_measure_size(one) for one in files) + sum(piece.size for piece in found.pieces)
        done = 0
        for piece in found.pieces:
            archive.add(piece.name, piece.file, piece.size)
            done += piece.size
        for one in files:
            done += _add_file(archive, one)
            tell("backing up", done, total)
    tables = {f"{workspace}/{table}": version for (workspace, table), version in found.versions.items()}
    return archive.close(made, tables, keys=keys)


def _list_anchor_file(anchor: bytes | None, folder: Path) -> Iterator[_File]:
    if anchor is not None:
        path = folder / "anchor"
        path.write_bytes(anchor)
        yield _File(ANCHOR, path)


def _list_files(data: Path, found: BackupCut, *, keys: bool) -> Iterator[_File]:
    for (workspace, table), version in sorted(found.versions.items()):
        yield from _list_archive_files(
            data, list_table_files(get_table_path(data, workspace, table), version)
        )
    others = list(iterate_other_tables(data))
    for path in others:
        try:
            version = DeltaTable(path).version()
        except DeltaError as error:
            raise BackupError(f"{path}: not a readable Delta table: {error}") from error
        yield from _list_archive_files(data, list_table_files(path, version))
    yield from _list_archive_files(data, list_loose_files(data, others), fleeting=True)
    if keys and (data / "keys" / KEY_FILE).exists():
        yield _File(f"keys/{KEY_FILE}", data / "keys" / KEY_FILE)
    if keys:
        yield from _list_archive_files(data, iter(sorted(data.glob("tls/*"))), fleeting=True)


def _list_archive_files(data: Path, paths: Iterator[Path], *, fleeting: bool = False) -> Iterator[_File]:
    for path in paths:
        yield _File(path.relative_to(data).as_posix(), path, fleeting)


def _measure_size(one: _File) -> int:
    try:
        return one.path.stat().st_size
    except FileNotFoundError:
        return 0


def _add_file(archive: ArchiveWriter, one: _File) -> int:
    """Add a file; how many bytes it has. One that is gone is left out where it may, else it ends the backup."""
    try:
        with one.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            archive.add(one.name, file, size)
            return size
    except FileNotFoundError as error:
        if one.fleeting:
            return 0
        raise BackupError(f"{one.path}: gone while it was backed up; try again") from error
