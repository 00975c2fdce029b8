"""List the changes of resources over time: created, updated and deleted, with the values before and after.

A resource that the snapshot before had not looked for was not created: it came into view.

Source: https://learn.microsoft.com/azure/governance/resource-graph/changes/resource-graph-changes (change types, properties)
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.resource_versions import is_history_covered
from nephoscope.estate.value_diff import diff_values
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from nephoscope.estate.estate_store import EstateStore, StoredSnapshot

CREATE, UPDATE, DELETE = "Create", "Update", "Delete"
Body = Mapping[str, object]


class ResourceChange(msgspec.Struct, frozen=True):
    """One change of a resource (its lower-cased id); `before` and `after` are the times at which it was looked at."""

    key: str
    kind: str
    before: datetime
    after: datetime
    old: Body | None
    new: Body | None

    @property
    def id(self) -> str:
        """A GUID that is the same whenever the change is told."""
        digest = hashlib.blake2b(f"{self.key}\0{self.after.isoformat()}".encode(), digest_size=16).hexdigest()
        return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))

    @property
    def body(self) -> Body:
        """The resource after the change, or as it last was."""
        found = self.new if self.new is not None else self.old
        assert found is not None
        return found

    def list_changed_properties(self) -> list[tuple[str, Any, Any]]:
        """(path, value before, value after) of every value that differs; None where there is none."""
        if self.old is None or self.new is None:
            return []
        return list(diff_values(self.old, self.new))


def list_changes(
    store: EstateStore, since: datetime, until: datetime, ids: Iterable[str] = ()
) -> list[ResourceChange]:
    """The changes between two aware times, of lower-cased ids where any are given; the newest first."""
    snapshots = store.list_snapshots()
    by_id: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
    for row in store.find_changed_versions(since, until, ids):
        by_id[row["id"]].append(row)
    found = [
        one for key, rows in by_id.items() for one in _compare_versions(key, rows, snapshots, since, until)
    ]
    return sorted(found, key=lambda one: (one.after, one.key), reverse=True)


def _compare_versions(
    key: str,
    rows: list[dict[str, Any]],
    snapshots: tuple[StoredSnapshot, ...],
    since: datetime,
    until: datetime,
) -> Iterator[ResourceChange]:
    """The changes of one resource, from its versions that begin or end between two times."""
    begun = {row["valid_from"]: msgspec.json.decode(row["body"]) for row in rows}
    ended = {row["valid_to"]: msgspec.json.decode(row["body"]) for row in rows if row["valid_to"] is not None}
    for at in sorted(begun.keys() | ended.keys()):
        earlier = [one for one in snapshots if one.at < at]
        if not earlier or not since < at <= until:
            continue
        old, new = ended.get(at), begun.get(at)
        if old is None and new is not None and not is_history_covered(Resource.of(new), earlier[-1].known):
            continue
        kind = UPDATE if old is not None and new is not None else CREATE if old is None else DELETE
        yield ResourceChange(key, kind, earlier[-1].at, at, old, new)
