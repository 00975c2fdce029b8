"""Nephoscope.Posture/exposureChanges: how the exposure of resources changed in the last 14 days.

They are found where a snapshot differs from the one before, and carried from one published version to the next. A snapshot that was
stored and never published, since its process ended, is compared with the next publication.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.tenant_stores import open_tenant_store
from nephoscope.model.read_scope import Reach
from nephoscope.posture.changes.change_attribution import AttributedChange, ChangeAttribution
from nephoscope.posture.changes.exposure_changes import ExposureChange, find_exposure_changes
from nephoscope.posture.published import resource_changes
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.published.document_listing import Listing
from nephoscope.posture.published.resource_changes import KEPT, build_document_id
from nephoscope.posture.published.snapshot_files import read_document_rows
from nephoscope.posture.reports.resource_graph_tables import find_table

TYPE = "Nephoscope.Posture/exposureChanges"


class TenantExposureChange(msgspec.Struct, frozen=True):
    """An exposure change in a tenant's estate."""

    tenant: str
    change: ExposureChange

    @property
    def id(self) -> str:
        """The id of its document."""
        identity = f"{self.change.target_resource_id.lower()}\0{self.change.timestamp.isoformat()}"
        name = hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()
        return f"{self.change.target_resource_id.rstrip('/')}/providers/{TYPE}/{name}"


class ExposureChangeDocument(msgspec.Struct, frozen=True):
    """The published body, of which the properties are read."""

    properties: ExposureChange


def load_exposure_changes(
    data: Path,
    now: datetime,
    evaluated: Sequence[Estate],
    several: Sequence[AttributedChange],
    before: Mapping[str, Sequence[Path]],
) -> list[TenantExposureChange]:
    """The exposure changes of snapshots that were not published before, and those that were and are not too old."""
    found = {one.id: one for one in _copy_previous_changes(before, now)}
    published = set(_list_published_changes(before)) if before else None
    for estate in evaluated:
        mine = [one for one in several if one.tenant == estate.tenant]
        found |= {one.id: one for one in _compare_snapshots(data, now, estate, mine, published)}
    return list(found.values())


def _copy_previous_changes(
    before: Mapping[str, Sequence[Path]], now: datetime
) -> Iterator[TenantExposureChange]:
    files = before.get(find_table(TYPE.lower()), ())
    for row in read_document_rows(files, TYPE.lower(), ("_body", "tenantId")):
        change = msgspec.json.decode(row["_body"], type=ExposureChangeDocument).properties
        if change.timestamp > now - KEPT:
            yield TenantExposureChange(row["tenantId"], change)


def _list_published_changes(before: Mapping[str, Sequence[Path]]) -> Iterator[tuple[str, str]]:
    """Yield the tenant and id of each change of a resource that was published before: its snapshots have been compared."""
    type_ = resource_changes.TYPE.lower()
    for table in (find_table(type_), resource_changes.CONTAINERS):
        for row in read_document_rows(before.get(table, ()), type_, ("name", "tenantId")):
            yield row["tenantId"], row["name"]


def _compare_snapshots(
    data: Path,
    now: datetime,
    estate: Estate,
    several: Sequence[AttributedChange],
    published: Collection[tuple[str, str]] | None,
) -> Iterator[TenantExposureChange]:
    """Compare the newest snapshot of an estate, and each whose changes are not `published`, with the one before.

    Where nothing was published at all (None), the newest alone is compared.
    """
    store = open_tenant_store(data, estate)
    newest = max((one.at for one in store.list_snapshots()), default=None)
    pairs: defaultdict[tuple[datetime, datetime], list[AttributedChange]] = defaultdict(list)
    for one in several:
        is_missed = published is not None and (one.tenant, one.change.id) not in published
        if one.change.after == newest or is_missed:
            pairs[one.change.before, one.change.after].append(one)
    for (start, end), moved in sorted(pairs.items()):
        old = EstateView(store.load_estate(start), start)
        new = EstateView(estate, now) if end == newest else EstateView(store.load_estate(end), end)
        for change in find_exposure_changes(old, new, moved):
            yield TenantExposureChange(estate.tenant, change)


def describe_openings_by_change(several: Iterable[TenantExposureChange]) -> Mapping[str, Sequence[str]]:
    """The openings in words, by the id of each change behind them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in several:
        for cause in one.change.causes:
            found[cause.change_id] += one.change.descriptions
    return found


def list_attributions(one: ExposureChange, listing: Listing, reach: Reach) -> list[ChangeAttribution]:
    """Return who may have made the changes behind an exposure change, of those that a reach sees."""
    keys = [build_document_id(cause.target_resource_id, cause.change_id).lower() for cause in one.causes]
    found = listing.map_documents_by_id(keys, reach)
    attributes_found = (found[key]["properties"]["changeAttributes"] for key in keys if key in found)
    return [msgspec.convert(attributes, ChangeAttribution) for attributes in attributes_found]


def build_documents(several: Iterable[TenantExposureChange]) -> Iterator[tuple[PublishedDocument, str]]:
    """A document an exposure change, with the table in which it stands."""
    for one in several:
        body = build_arm_body(one.id, TYPE, msgspec.to_builtins(one.change))
        yield PublishedDocument.of(body, tenant=one.tenant), find_table(TYPE.lower())
