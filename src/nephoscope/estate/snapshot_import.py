"""Snapshot import: sort the resources of a snapshot by id on disk and merge them with stored versions."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.coverage import was_read
from nephoscope.estate.external_sort import SortedLines
from nephoscope.estate.resource_versions import hash_content
from nephoscope.estate.version_row import build_resource_row
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from nephoscope_policy.model.coverage import Coverage
    from nephoscope_policy.model.resource import Resource

_HELD_ROWS = 5_000


class VersionChange(StrEnum):
    """Change that a snapshot makes to one id."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    KEPT = "kept"


class StoredVersion(msgspec.Struct, array_like=True, frozen=True):
    """A stored version: what must be known to compare and to close it."""

    id: str
    hash: str
    valid_from: datetime
    scope: str


class IncomingResource(msgspec.Struct, array_like=True, frozen=True):
    """A resource of the snapshot, its row as JSON."""

    id: str
    hash: str
    row: msgspec.Raw

    def to_row(self) -> dict[str, object]:
        """The row, but for the time at which the version begins."""
        columns: dict[str, object] = msgspec.json.decode(self.row)
        return columns


class SnapshotIntake:
    """Takes resources in any order, each id once; files go into a folder that exists and is the intake's own."""

    def __init__(self, folder: Path, tenant: str = "") -> None:
        self.tenant = tenant
        self._folder = folder
        self._hashes: SortedLines[tuple[str, str]] = SortedLines(
            folder / "hashes", tuple[str, str], lambda one: one[0]
        )
        self._rows = SortedLines(folder / "rows", IncomingResource, lambda one: one.id, _HELD_ROWS)
        self._versions: Iterable[StoredVersion] = ()
        self.forgotten: frozenset[str] = frozenset()

    def forget(self, keys: Iterable[str]) -> None:
        """Say which ids and claims (coverage.claim_key) were taken back: the ids end where no resource has them."""
        self.forgotten |= frozenset(keys)

    def add(self, resources: Iterable[Resource]) -> None:
        """Take resources; derived containers are left out, as nothing was read of them."""
        for resource in resources:
            if not resource.derived:
                digest = hash_content(resource)
                row = msgspec.json.encode(build_resource_row(resource, digest, self.tenant))
                self._hashes.add((resource.key, digest))
                self._rows.add(IncomingResource(resource.key, digest, msgspec.Raw(row)))

    def list_hashes(self) -> Iterator[tuple[str, str]]:
        """(id, content hash) in the order of ids."""
        return iter(self._hashes)

    def add_stored_versions(self, versions: Iterable[StoredVersion]) -> None:
        """Say which versions are there, in any order."""
        found = SortedLines(self._folder / "versions", StoredVersion, lambda one: one.id)
        for version in versions:
            found.add(version)
        self._versions = found

    def list_changes(
        self, coverage: Coverage
    ) -> Iterator[tuple[IncomingResource | None, StoredVersion | None, VersionChange]]:
        """Yield what the snapshot does to every id that it or the store has; what it has not looked for stays as it was."""
        for row, version in _join_by_id(iter(self._rows), iter(self._versions)):
            if row is not None:
                known = (
                    VersionChange.KEPT
                    if version is not None and version.hash == row.hash
                    else VersionChange.CHANGED
                )
                yield row, version, VersionChange.ADDED if version is None else known
            elif version is not None and self._is_over(version, coverage):
                yield None, version, VersionChange.REMOVED

    def _is_over(self, version: StoredVersion, coverage: Coverage) -> bool:
        """Return whether a version that the snapshot does not have is over: it was looked for, or what told of it was taken back."""
        return version.id in self.forgotten or was_read(coverage, ResourceId.parse(version.id), version.scope)


def _join_by_id(
    rows: Iterator[IncomingResource], versions: Iterator[StoredVersion]
) -> Iterator[tuple[IncomingResource | None, StoredVersion | None]]:
    """Both sides in the order of ids, those of one id together."""
    row, version = next(rows, None), next(versions, None)
    while row is not None or version is not None:
        if version is None or (row is not None and row.id < version.id):
            yield row, None
            row = next(rows, None)
        elif row is None or version.id < row.id:
            yield None, version
            version = next(versions, None)
        else:
            yield row, version
            row, version = next(rows, None), next(versions, None)
