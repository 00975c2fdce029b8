"""One Delta table on disk: opened, refused, created, written in commits that are durable, and mended after a power cut.

Every Parquet file is synced before the commit that adds it. A commit counts once it and all before it are synced: only then may the
spool let go of its rows.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from nephoscope.lake.durable_files import Disk
from nephoscope.lake.errors import LakeError, TableRefusedError
from nephoscope.lake.schema.column_types import DAY, TIME
from nephoscope.lake.schema.table import LakeTable

LOG = "_delta_log"
_CONFIGURATION: Mapping[str, str | None] = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.dataSkippingStatsColumns": TIME,
}
_REFUSED = {"deletionVectors": "deletion vectors", "columnMapping": "column mapping"}
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
Action = AddAction | RemoveAction


def open_table(path: Path, version: int | None = None) -> DeltaTable | None:
    """The table at a version (None: its newest), None where there is none; TableRefusedError where we would read wrong rows."""
    if not (path / LOG).is_dir():  # told in a tenth of the time that it takes to fail
        return None
    try:
        table = DeltaTable(path, version=version)
    except TableNotFoundError:
        return None
    except DeltaError as error:
        raise LakeError(f"{path}: not a readable Delta table: {error}") from error
    _refuse_newer_table(table, path)
    return table


def update_table(table: DeltaTable, path: Path) -> DeltaTable:
    """Bring a table to its newest version by the commits since its own; TableRefusedError as of open_table, LakeError."""
    try:
        table.update_incremental()
    except DeltaError as error:
        raise LakeError(f"{path}: its newer commits cannot be read: {error}") from error
    _refuse_newer_table(table, path)
    return table


def _refuse_newer_table(table: DeltaTable, path: Path) -> None:
    configuration = table.metadata().configuration
    found = {str(feature) for feature in table.protocol().reader_features or ()}
    if configuration.get("delta.enableDeletionVectors", "").lower() == "true":
        found.add("deletionVectors")
    if configuration.get("delta.columnMapping.mode", "none").lower() != "none":
        found.add("columnMapping")
    for feature, words in _REFUSED.items():
        if feature in found:
            raise TableRefusedError(
                f"{path}: the table uses {words} ({feature}), which is not supported: rewrite it without"
            )


def build_stored_schema(table: LakeTable) -> pa.Schema:
    """The schema of a table on disk: storage types under the names on disk, and the day."""
    fields = [pa.field(table.stored_columns[field.name], field.type) for field in table.schema]
    return pa.schema([*fields, pa.field(DAY, pa.date32())])


def create_table(path: Path, table: LakeTable, disk: Disk) -> DeltaTable:
    """A new table, or the one that another made meanwhile."""
    disk.make_folders(path)
    return DeltaTable.create(
        path,
        build_stored_schema(table),
        mode="ignore",
        partition_by=[DAY],
        name=table.name,
        configuration=_CONFIGURATION,
    )


def find_lacking_columns(handle: DeltaTable, path: Path, table: LakeTable) -> list[pa.Field]:
    """The columns that the definition has and the table has not; TableRefusedError where a column has another type."""
    lies = {field.name: field.type for field in pa.schema(handle.schema().to_arrow())}
    missing = []
    for field in build_stored_schema(table):
        if field.name not in lies:
            missing.append(field)
        elif pa.field("", lies[field.name]).type != field.type and not _is_same_type(
            lies[field.name], field.type
        ):
            raise TableRefusedError(
                f"{path}: the column {field.name} is stored as {lies[field.name]}, but the table defines {field.type}"
            )
    return missing


def evolve_table(handle: DeltaTable, path: Path, table: LakeTable) -> None:
    """Add the columns that the definition has and the table has not; TableRefusedError where a column has another type."""
    missing = find_lacking_columns(handle, path, table)
    if missing:
        from deltalake import Schema

        handle.alter.add_columns(
            list(Schema.from_arrow(pa.schema(missing)).fields), post_commithook_properties=_NO_HOOKS
        )


def _is_same_type(one: pa.DataType, other: pa.DataType) -> bool:
    return str(one).replace("string_view", "string").replace("large_string", "string") == str(other)


def commit_version(
    handle: DeltaTable,
    actions: Sequence[Action],
    schema: pa.Schema,
    transactions: Mapping[str, int] | None = None,
) -> None:
    """Commit at exactly the next version; CommitFailedError where another came first (then nothing happened)."""
    handle.create_write_transaction(
        list(actions),
        mode="append",
        schema=schema,
        partition_by=[DAY],
        commit_properties=CommitProperties(
            max_commit_retries=0,
            app_transactions=[Transaction(app, version) for app, version in (transactions or {}).items()],
        ),
        post_commithook_properties=_NO_HOOKS,
    )
    handle.update_incremental()


class DeltaLog:
    """The transaction log of one table: made durable, kept short by checkpoints, mended."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._folder = path / LOG
        self._disk = disk
        self._synced = -1

    def sync(self, version: int) -> None:
        """Make all commits up to a version durable."""
        if version <= self._synced:
            return
        for number in self._list_entries():
            if self._synced < number <= version:
                self._disk.sync_path(self._build_path(number))
        if self._synced < 0:
            self._disk.sync_folder(self._folder.parent)
        self._disk.sync_folder(self._folder)
        self._synced = version

    def write_checkpoint(self, handle: DeltaTable) -> None:
        """Write the whole state of the table in one file, so that readers need not read every commit."""
        handle.create_checkpoint()
        for file in self._folder.glob(f"{handle.version():020d}.checkpoint*"):
            self._disk.sync_path(file)
        self._disk.sync_path(self._folder / "_last_checkpoint")
        self._disk.sync_folder(self._folder)

    def repair_log(self) -> list[Path]:
        """After a power cut: put aside what was never durable, which is a torn or missing entry and those after it.

        Only the holder of the lease may do it, and no row goes: the spool has what such an entry added. The files put aside.
        """
        self._drop_torn_checkpoint()
        aside: list[Path] = []
        wanted: int | None = None
        for number in self._list_entries():
            # an entry is made only after the one before it, so that one that is not there now never was
            missing = wanted is not None and number != wanted and not self._build_path(wanted).exists()
            if aside or missing or not _is_complete(self._build_path(number)):
                aside.append(self._build_path(number).with_suffix(f".torn-{uuid.uuid4().hex[:8]}"))
                self._disk.rename(self._build_path(number), aside[-1])
            wanted = number + 1
        return aside

    def _drop_torn_checkpoint(self) -> None:
        pointer = self._folder / "_last_checkpoint"
        files = list(self._folder.glob("*.checkpoint*.parquet"))
        torn = [file for file in files if not _is_complete_parquet(file)]
        if torn or (pointer.exists() and not _is_complete(pointer)):
            for file in (*torn, pointer):
                self._disk.remove(file)

    def _list_entries(self) -> Iterable[int]:
        if not self._folder.is_dir():
            return []
        names = (file.name for file in self._folder.iterdir())
        return sorted(
            int(name[:20])
            for name in names
            if len(name) == 25 and name.endswith(".json") and name[:20].isdecimal()
        )

    def _build_path(self, version: int) -> Path:
        return self._folder / f"{version:020d}.json"


def _is_complete(file: Path) -> bool:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines if line)
    except ValueError:
        return False


def _is_complete_parquet(file: Path) -> bool:
    with file.open("rb") as stream:
        if stream.read(4) != b"PAR1":
            return False
        stream.seek(-4, 2)
        return stream.read(4) == b"PAR1"


__all__ = [
    "CommitFailedError",
    "DeltaLog",
    "build_stored_schema",
    "commit_version",
    "create_table",
    "evolve_table",
    "open_table",
]
