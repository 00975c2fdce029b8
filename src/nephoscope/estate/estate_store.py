"""The estate over time, in a Delta table: a row per resource version, one commit per snapshot.

The layout and why the snapshots' own rows stand in the same table: docs/decisions/0043-estate-store.md.
Format: https://github.com/delta-io/delta/blob/master/PROTOCOL.md
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError
from msgspec.structs import replace

from nephoscope.estate.coverage import build_manifest_document, merge, parse_manifest, remove_claims
from nephoscope.estate.estate import Estate
from nephoscope.estate.resource_versions import Diff, hash_snapshot
from nephoscope.estate.snapshot_import import SnapshotIntake, StoredVersion, VersionChange
from nephoscope.estate.version_reader import (
    BATCH,
    find_changed_versions,
    find_mentions,
    read_markers,
    read_versions,
    select_rows,
)
from nephoscope.estate.version_row import SCHEMA, build_marker_row, to_resource
from nephoscope.lake.errors import LakeError
from nephoscope.lake.storage.delta_table import LOG, open_table
from nephoscope_policy.model.coverage import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from nephoscope_policy.model.resource import Resource

APP = "nephoscope-estate"
MAX_FILES = 32
MIN_RETENTION_HOURS = 24
_ATTEMPTS = 5


class StoreError(Exception):
    """The store cannot do what was asked; the message says why and what to do."""


class StoredSnapshot(msgspec.Struct, frozen=True):
    """A snapshot in the store: when it was taken, the hash of its content, what it read, what was known after it.

    `sequence` counts from 1; `coverage` is the snapshot's own; `known` adds what earlier snapshots read and this one did not
    look for; `added`, `changed`, `removed` count resources.
    """

    sequence: int
    at: datetime
    hash: str
    coverage: Coverage
    known: Coverage
    added: int
    changed: int
    removed: int


class EstateStore:
    """The versions of the resources of one tenant's estate; safe for one writer and any readers at a time.

    Raises StoreError for a table that another writer gave features this reader does not have.
    """

    def __init__(self, data_dir: Path, folder: str = "resources") -> None:
        """`folder` is where the tenant's table lies below `<data_dir>/estate` (tenant_stores)."""
        self._path = data_dir / "estate" / folder

    @property
    def path(self) -> Path:
        """Return where the table lies."""
        return self._path

    @property
    def tenant(self) -> str:
        """The lower-cased id of the tenant of the newest snapshot, '' where it is not known."""
        stored = self.list_snapshots()
        return stored[-1].coverage.tenant if stored else ""

    @property
    def exists(self) -> bool:
        """Return whether a snapshot was ever kept."""
        return (self._path / LOG).is_dir()

    def append(self, estate: Estate, at: datetime, tenant: str = "") -> StoredSnapshot:
        """Add a snapshot taken at an aware time in one commit; the same snapshot again adds nothing.

        Only new and changed resources add a row. A resource that is not in the snapshot ends at `at` when the snapshot's
        coverage has read its type where it lies, else it stays. Raises StoreError when `at` is not after the newest snapshot.
        """
        with TemporaryDirectory(prefix="nephoscope-") as folder:
            intake = SnapshotIntake(Path(folder), tenant or estate.tenant)
            intake.add(estate.resources.values())
            intake.forget(estate.forgotten)
            return self.store_intake(intake, estate.coverage, at)

    def store_intake(self, intake: SnapshotIntake, coverage: Coverage, at: datetime) -> StoredSnapshot:
        """`append` for a snapshot that is taken in part by part: memory does not grow with it."""
        if at.tzinfo is None:
            raise StoreError("the time of a snapshot must have a time zone")
        digest = hash_snapshot(intake.list_hashes(), coverage)
        for _ in range(_ATTEMPTS):
            try:
                return self._store_intake(intake, coverage, digest, at)
            except CommitFailedError:
                continue
        raise StoreError(f"{self._path}: other writers kept changing the store; try again")

    def _store_intake(
        self, intake: SnapshotIntake, coverage: Coverage, digest: str, at: datetime
    ) -> StoredSnapshot:
        table = self._open_table() or self._create_table()
        stored = _read_snapshots(table, self._path)
        alike = [one for one in stored if one.hash == digest and one.coverage.tenant == coverage.tenant]
        same = next((one for one in alike if one.at == at or one is stored[-1]), None)
        if same is not None:
            return same
        if stored and at <= stored[-1].at:
            raise StoreError(
                f"the snapshot of {at.isoformat()} is not newer than that of {stored[-1].at.isoformat()}"
            )
        intake.add_stored_versions(_read_versions(table, self._path))
        moved = Counter(move for _, _, move in intake.list_changes(coverage))
        snapshot = StoredSnapshot(
            sequence=len(stored) + 1,
            at=at,
            hash=digest,
            coverage=coverage,
            known=_merge_coverage(stored[-1].known if stored else None, coverage, intake.forgotten),
            added=moved[VersionChange.ADDED],
            changed=moved[VersionChange.CHANGED],
            removed=moved[VersionChange.REMOVED],
        )
        closes = bool(snapshot.changed or snapshot.removed)
        _commit_snapshot(table, _build_rows(intake, snapshot), snapshot, closes=closes)
        self.compact()
        return snapshot

    def list_snapshots(self) -> tuple[StoredSnapshot, ...]:
        """The snapshots in the store, the oldest first."""
        table = self._open_table()
        return _read_snapshots(table, self._path) if table else ()

    def iterate_current(self) -> Iterator[Resource]:
        """The newest version of every resource that is there, as a stream."""
        yield from self._stream_resources(None)

    def iterate_versions(self, at: datetime) -> Iterator[Resource]:
        """The versions that were valid at an aware time, as a stream."""
        yield from self._stream_resources(at)

    def load_estate(self, at: datetime | None = None) -> Estate:
        """The estate now or at an aware time, with what was known of it; raises StoreError when nothing was stored by then."""
        snapshot = self._find_snapshot(at)
        return Estate.of(self._stream_resources(at), snapshot.known, tenant=snapshot.known.tenant)

    def select_types(self, types: Iterable[str]) -> Estate:
        """The newest estate with the resources of some lower-cased types alone; raises StoreError when nothing was stored."""
        known = self._find_snapshot(None).known
        return Estate.of(self._select_resources(types=types), known, tenant=known.tenant)

    def find_resources(self, ids: Iterable[str]) -> dict[str, Resource]:
        """The newest versions of the resources of some lower-cased ids, of those that are there."""
        return {one.key: one for one in self._select_resources(ids=ids)}

    def find_mentions(self, words: Iterable[str]) -> Iterator[Resource]:
        """The newest versions of the resources whose bodies hold all of some words, spelled so, as a stream."""
        table = self._open_table()
        if table is not None:
            rows = find_mentions(table, self._path, ("body", "complete"), words)
            yield from (to_resource(row) for row in rows)

    def list_subscriptions(self) -> frozenset[str]:
        """The lower-cased GUIDs of the subscriptions in which a resource lies."""
        table = self._open_table()
        rows = read_versions(table, self._path, ("subscription",)) if table is not None else ()
        return frozenset(row["subscription"] for row in rows if row["subscription"])

    @property
    def version(self) -> int:
        """The number of the newest commit, -1 where there is none; read without opening the table."""
        names = (path.stem for path in (self._path / LOG).glob("*.json"))
        return max((int(name) for name in names if name.isdecimal()), default=-1)

    def _select_resources(self, types: Iterable[str] = (), ids: Iterable[str] = ()) -> Iterator[Resource]:
        table = self._open_table()
        if table is not None:
            rows = select_rows(table, self._path, ("body", "complete"), types=types, ids=ids)
            yield from (to_resource(row) for row in rows)

    def diff(self, before: datetime, after: datetime | None = None) -> Diff:
        """Return what differs between two times (the later: now), by content hash.

        `unread` is empty: what a snapshot did not look for stays in the store as it was last read.
        """
        self._find_snapshot(before)
        table = self._open_table()
        old, new = _read_hashes(table, self._path, before), _read_hashes(table, self._path, after)
        both = old.keys() & new.keys()
        changed = sorted(key for key in both if old[key] != new[key])
        return Diff(
            added=tuple(sorted(new.keys() - old.keys())),
            changed=tuple(changed),
            removed=tuple(sorted(old.keys() - new.keys())),
            unread=(),
            unchanged=len(both) - len(changed),
        )

    def find_changed_versions(
        self, since: datetime, until: datetime, ids: Iterable[str] = ()
    ) -> Iterator[dict[str, Any]]:
        """The versions that begin or end after an aware time and no later than another: `id`, `body`, `valid_from`, `valid_to`."""
        table = self._open_table()
        if table is not None:
            columns = ("id", "body", "valid_from", "valid_to")
            yield from find_changed_versions(table, self._path, columns, since, until, sorted(ids))

    def compact(self, max_files: int = MAX_FILES) -> int:
        """Join small files when there are more than `max_files`; returns how many files were joined."""
        table = self._open_table()
        if table is None or len(table.file_uris()) <= max_files:
            return 0
        return int(table.optimize.compact()["numFilesRemoved"])

    def vacuum(self, hours: int = 7 * 24) -> list[str]:
        """Delete files that no commit of the last hours (at least 24) uses; returns their names. No resource version is lost."""
        if hours < MIN_RETENTION_HOURS:
            raise StoreError(f"readers may be active: keep at least {MIN_RETENTION_HOURS} hours, not {hours}")
        table = self._open_table()
        if table is None:
            return []
        return list(table.vacuum(hours, dry_run=False, enforce_retention_duration=False))

    def _find_snapshot(self, at: datetime | None) -> StoredSnapshot:
        stored = [item for item in self.list_snapshots() if at is None or item.at <= at]
        if not stored:
            raise StoreError(f"{self._path}: no snapshot" + (f" of {at.isoformat()} or before" if at else ""))
        return stored[-1]

    def _stream_resources(self, at: datetime | None) -> Iterator[Resource]:
        table = self._open_table()
        if table is not None:
            for row in read_versions(table, self._path, ("body", "complete"), at):
                yield to_resource(row)

    def _open_table(self) -> DeltaTable | None:
        """The table at its newest version, None where there is none yet."""
        try:
            return open_table(self._path)
        except LakeError as error:
            raise StoreError(str(error)) from error

    def _create_table(self) -> DeltaTable:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return DeltaTable.create(self._path, SCHEMA, mode="ignore", partition_by=["current"])


def _merge_coverage(before: Coverage | None, coverage: Coverage, forgotten: frozenset[str]) -> Coverage:
    """Return what is known after a snapshot: its own coverage and, where it did not look, what was known before and not taken back."""
    if before is None:
        return coverage
    old = remove_claims(before, forgotten)
    both = merge([old, coverage])
    read = {type_ for types in coverage.scopes.values() for type_ in types}
    kept = {type_: reason for type_, reason in old.gaps.items() if type_ not in read}
    return replace(
        both,
        gaps={**kept, **coverage.gaps},
        read_at={**old.read_at, **coverage.read_at},
        claimed_at={
            scope: {**old.claimed_at.get(scope, {}), **coverage.claimed_at.get(scope, {})}
            for scope in old.claimed_at.keys() | coverage.claimed_at.keys()
        },
    )


def _build_rows(intake: SnapshotIntake, snapshot: StoredSnapshot) -> pa.RecordBatchReader:
    """The rows of a commit as a stream: versions that begin, versions that end, and the snapshot itself."""

    def iterate_rows() -> Iterator[dict[str, object]]:
        for row, version, move in intake.list_changes(snapshot.coverage):
            if version is not None and move in (VersionChange.CHANGED, VersionChange.REMOVED):
                yield {
                    "id": version.id,
                    "valid_from": version.valid_from,
                    "valid_to": snapshot.at,
                    "current": False,
                }
            if row is not None and move in (VersionChange.ADDED, VersionChange.CHANGED):
                yield {**row.to_row(), "valid_from": snapshot.at}
        yield build_marker_row(_to_document(snapshot), snapshot.hash, snapshot.at, intake.tenant)

    def iterate_batches() -> Iterator[pa.RecordBatch]:
        rows: list[dict[str, Any]] = []
        for row in iterate_rows():
            rows.append(row)
            if len(rows) == BATCH:
                yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)
                rows = []
        yield pa.RecordBatch.from_pylist(rows, schema=SCHEMA)

    return pa.RecordBatchReader.from_batches(SCHEMA, iterate_batches())


def _commit_snapshot(
    table: DeltaTable, rows: pa.RecordBatchReader, snapshot: StoredSnapshot, *, closes: bool
) -> None:
    """Write a snapshot in one commit, its sequence as the transaction version."""
    sequence = table.transaction_version(APP) or 0
    if sequence >= snapshot.sequence:
        raise CommitFailedError(f"snapshot {snapshot.sequence} is already in the store")
    properties = CommitProperties(
        custom_metadata={"snapshot": snapshot.hash},
        max_commit_retries=0,
        app_transactions=[Transaction(APP, snapshot.sequence)],
    )
    if not closes:
        write_deltalake(table, rows, mode="append", commit_properties=properties)
        return
    merger = table.merge(
        rows,
        "old.current = true AND new.current = false AND old.id = new.id AND old.valid_from = new.valid_from",
        source_alias="new",
        target_alias="old",
        commit_properties=properties,
    )
    merger = merger.when_matched_update({"valid_to": "new.valid_to", "current": "false"})
    merger.when_not_matched_insert({name: f"new.{name}" for name in SCHEMA.names}).execute()


def _read_versions(
    table: DeltaTable | None, path: Path, at: datetime | None = None
) -> Iterator[StoredVersion]:
    if table is not None:
        for row in read_versions(table, path, ("id", "hash", "valid_from", "scope"), at):
            yield StoredVersion(row["id"], row["hash"], row["valid_from"], row["scope"])


def _read_hashes(table: DeltaTable | None, path: Path, at: datetime | None) -> dict[str, str]:
    return {version.id: version.hash for version in _read_versions(table, path, at)}


def _to_document(snapshot: StoredSnapshot) -> dict[str, object]:
    counts = {"added": snapshot.added, "changed": snapshot.changed, "removed": snapshot.removed}
    own, known = build_manifest_document(snapshot.coverage), build_manifest_document(snapshot.known)
    return {"sequence": snapshot.sequence, **counts, "coverage": own, "known": known}


def _read_snapshots(table: DeltaTable, path: Path) -> tuple[StoredSnapshot, ...]:
    rows = read_markers(table, path, ("body", "hash", "valid_from"))
    found = [
        _parse_snapshot(msgspec.json.decode(row["body"]), row["hash"], row["valid_from"]) for row in rows
    ]
    return tuple(sorted(found, key=lambda item: item.sequence))


def _parse_snapshot(document: dict[str, Any], digest: str, at: datetime) -> StoredSnapshot:
    return StoredSnapshot(
        document["sequence"],
        at,
        digest,
        parse_manifest(document["coverage"]),
        parse_manifest(document["known"]),
        document["added"],
        document["changed"],
        document["removed"],
    )
