"""Find published documents that are new or changed, by comparison with a stored copy of their previous states.

`DATA/automation/stood-VERSION.parquet` has how the documents of an edition stood. It is written before the transaction that says
that this edition was looked at: whoever is killed in between looks again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from nephoscope.automation.event_kinds import PUBLISHED
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.document_queries import is_one_of
from nephoscope_policy.model.resource_id import split_tenant

if TYPE_CHECKING:
    from nephoscope.posture.published.published_snapshot import PublishedSnapshot

_MANY = 1000
#: The key of a document as `with_tenant` makes it.
_KEY = "CASE WHEN tenant = '' OR starts_with(key, '/subscriptions/') THEN key ELSE '/tenants/' || tenant || key END"


def read_states(snapshot: PublishedSnapshot) -> pa.Table:
    """Return how all documents stand that automations are told of: key (below its tenant where several may have it), type, stands."""
    rows = snapshot.listing.documents.rows(EVERYTHING).filter(is_one_of("type", PUBLISHED.values()))
    return pa.table(rows.project(f"{_KEY} AS key, type, stands").order("key").to_arrow_table())


def build_state_path(data: Path, version: int) -> Path:
    """Return where it is kept how the documents of a version stood."""
    return data / "automation" / f"stood-{version}.parquet"


def store_states(data: Path, version: int, table: pa.Table) -> None:
    """Keep how documents stood, durably."""
    path = build_state_path(data, version)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    pq.write_table(table, beside, compression="zstd")
    with beside.open("rb") as file:
        os.fsync(file.fileno())
    beside.replace(path)


def drop_other_versions(data: Path, but: int) -> None:
    """Drop the copies of other versions."""
    for path in (data / "automation").glob("stood-*.parquet"):
        if path != build_state_path(data, but):
            path.unlink(missing_ok=True)


def find_changes(before: pa.Table, now: pa.Table) -> dict[str, dict[str, str | None]]:
    """Type -> the keys of documents that are new or stand otherwise, each with how it stood (None = it is new)."""
    known = dict(zip(before.column("key").to_pylist(), before.column("stands").to_pylist(), strict=True))
    found: dict[str, dict[str, str | None]] = {}
    columns = (now.column(name).to_pylist() for name in ("key", "type", "stands"))
    for key, type_, digest in zip(*columns, strict=True):
        # copies of older releases have no tenants
        stood = known.get(key, known.get(split_tenant(key)[1]))
        if stood is None or stood != digest:
            found.setdefault(type_, {})[key] = stood
    return found


def read_bodies(
    snapshot: PublishedSnapshot, type_: str, keys: Sequence[str] | None
) -> Iterator[dict[str, object]]:
    """The documents of a type, all (None) or some, in the order of their ids; one outside subscriptions names its tenant."""
    documents = snapshot.listing.documents
    groups = [None] if keys is None else [keys[at : at + _MANY] for at in range(0, len(keys), _MANY)]
    for group in groups:
        rows = documents.rows(EVERYTHING).filter(is_one_of("type", [type_]))
        if group is not None:
            rows = rows.filter(is_one_of("key", {split_tenant(one)[1] for one in group}))
        found = rows.order("key, tenant, number").project(f"number, tenant, {_KEY}").fetchall()
        asked = frozenset(group or ())
        wanted = [one for one in found if group is None or one[2] in asked]
        for first in range(0, len(wanted), _MANY):
            part = wanted[first : first + _MANY]
            texts = documents.bodies([number for number, _, _ in part])
            for text, (_, tenant, key) in zip(texts, part, strict=True):
                body = msgspec.json.decode(text, type=dict[str, object])
                yield {**body, "tenantId": tenant} if key.startswith("/tenants/") else body
