"""Nephoscope.Posture/exposureChanges: how the exposure of resources changed in the last 14 days.

They are found where a snapshot differs from the one before, and carried from one published version to the next.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.tenant_stores import tenant_store
from nephoscope.model.read_reach import Reach
from nephoscope.posture.changes.change_attribution import AttributedChange, ChangeAttribution
from nephoscope.posture.changes.exposure_changes import ExposureChange, find_exposure_changes
from nephoscope.posture.published.document import PublishedDocument, arm
from nephoscope.posture.published.document_listing import Listing
from nephoscope.posture.published.resource_changes import KEPT, document_id
from nephoscope.posture.published.snapshot_files import read_document_rows
from nephoscope.posture.reports.resource_graph_tables import table_of

TYPE = "Nephoscope.Posture/exposureChanges"


class TenantExposureChange(msgspec.Struct, frozen=True):
    """An exposure change in a tenant's estate."""

    tenant: str
    change: ExposureChange

    @property
    def id(self) -> str:
        """The id of its document."""
        told = f"{self.change.target_resource_id.lower()}\0{self.change.timestamp.isoformat()}"
        name = hashlib.blake2b(told.encode(), digest_size=16).hexdigest()
        return f"{self.change.target_resource_id.rstrip('/')}/providers/{TYPE}/{name}"


class ExposureChangeDocument(msgspec.Struct, frozen=True):
    """The published body, of which the properties are read."""

    properties: ExposureChange


def exposure_changes(
    data: Path,
    now: datetime,
    evaluated: Sequence[Estate],
    several: Sequence[AttributedChange],
    before: Mapping[str, Sequence[Path]],
) -> list[TenantExposureChange]:
    """The exposure changes of the newest snapshots, and those that were published before and are not too old."""
    found = {one.id: one for one in _carry_over(before, now)}
    for estate in evaluated:
        mine = [one for one in several if one.tenant == estate.tenant]
        found |= {one.id: one for one in _newest(data, now, estate, mine)}
    return list(found.values())


def _carry_over(before: Mapping[str, Sequence[Path]], now: datetime) -> Iterator[TenantExposureChange]:
    files = before.get(table_of(TYPE.lower()), ())
    for row in read_document_rows(files, TYPE.lower(), ("_body", "tenantId")):
        change = msgspec.json.decode(row["_body"], type=ExposureChangeDocument).properties
        if change.timestamp > now - KEPT:
            yield TenantExposureChange(row["tenantId"], change)


def _newest(
    data: Path, now: datetime, estate: Estate, several: Sequence[AttributedChange]
) -> Iterator[TenantExposureChange]:
    """Compare the newest snapshot of an estate with the one before, where the changes between them may matter."""
    store = tenant_store(data, estate)
    last = store.snapshots()[-2:]
    moved = [one for one in several if len(last) == 2 and one.change.after == last[1].at]
    if moved:
        at = last[0].at
        old, new = EstateView(store.estate(at), at), EstateView(estate, now)
        for change in find_exposure_changes(old, new, moved):
            yield TenantExposureChange(estate.tenant, change)


def descriptions_by_change(several: Iterable[TenantExposureChange]) -> Mapping[str, Sequence[str]]:
    """The openings in words, by the id of each change behind them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in several:
        for cause in one.change.causes:
            found[cause.change_id] += one.change.descriptions
    return found


def attributions(one: ExposureChange, listing: Listing, reach: Reach) -> list[ChangeAttribution]:
    """Who may have made the changes behind an exposure change, of those that a reach sees."""
    keys = [document_id(cause.target_resource_id, cause.change_id).lower() for cause in one.causes]
    found = listing.several(keys, reach)
    told = (found[key]["properties"]["changeAttributes"] for key in keys if key in found)
    return [msgspec.convert(attributes, ChangeAttribution) for attributes in told]


def documents(several: Iterable[TenantExposureChange]) -> Iterator[tuple[PublishedDocument, str]]:
    """A document an exposure change, with the table in which it stands."""
    for one in several:
        body = arm(one.id, TYPE, msgspec.to_builtins(one.change))
        yield PublishedDocument.of(body, tenant=one.tenant), table_of(TYPE.lower())
