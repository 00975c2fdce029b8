"""Microsoft.Resources/changes: what ResourceChanges and ResourceContainerChanges show: the changes of resources of the last 14 days.

Source: https://learn.microsoft.com/azure/governance/resource-graph/changes/get-resource-changes (properties, retention)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.resource_changes import ResourceChange, list_changes
from nephoscope.estate.tenant_stores import open_kept_stores
from nephoscope.posture.changes.activity_events import ActivityEvents, read_events
from nephoscope.posture.changes.change_attribution import (
    READING_TIME,
    AttributedChange,
    ChangeAttribution,
    attribute_change,
)
from nephoscope.posture.evaluation.analyzer_results import LogReader, open_no_logs
from nephoscope.posture.published.document import PublishedDocument, build_arm_body
from nephoscope.posture.reports.resource_graph_tables import find_table

if TYPE_CHECKING:
    from nephoscope.estate.estate import Estate

KEPT = timedelta(days=14)
NOT_READ = "The activity log was not read with this evaluation"
TYPE = "Microsoft.Resources/changes"
CONTAINERS = "resourcecontainerchanges"


def list_attributed_changes(
    data: Path, now: datetime, evaluated: Sequence[Estate] = (), logs: LogReader = open_no_logs
) -> list[AttributedChange]:
    """The changes that are kept; who made each is read from the logs beside the evaluated estate of its tenant."""
    estates = {one.tenant: one for one in evaluated}
    several: list[AttributedChange] = []
    for store in open_kept_stores(data):
        found, tenant = list_changes(store, now - KEPT, now), store.tenant
        events = _build_events(found, estates.get(tenant), now, logs)
        for one in found:
            attribution = attribute_change(one, events) if isinstance(events, ActivityEvents) else events
            several.append(AttributedChange(tenant, one, attribution))
    return several


def build_document_id(resource: str, change: str) -> str:
    """The id of the document of a change of a resource."""
    return f"{resource.rstrip('/')}/providers/{TYPE}/{change}"


def build_documents(
    several: Iterable[AttributedChange], exposure: Mapping[str, Sequence[str]]
) -> Iterator[tuple[PublishedDocument, str]]:
    """A document a change, with the table in which it stands; `exposure` are the openings that it changed in words, by its id."""
    for one in several:
        body = _build_body(one.change, one.attribution, exposure.get(one.change.id, ()))
        target = str(body["properties"]["targetResourceType"])
        table = CONTAINERS if find_table(target) == "resourcecontainers" else find_table(TYPE.lower())
        yield PublishedDocument.of(body, tenant=one.tenant), table


def _build_events(
    found: Sequence[ResourceChange], estate: Estate | None, now: datetime, logs: LogReader
) -> ActivityEvents | ChangeAttribution:
    """The events of the activity log on what changed, or the attribution that says why there are none."""
    if not found or estate is None:
        return ChangeAttribution(evidence=NOT_READ)
    since = min(one.before for one in found) - READING_TIME
    with logs(estate, now) as opened:
        if opened is None:
            return ChangeAttribution(evidence=NOT_READ)
        try:
            return ActivityEvents(read_events(opened, since, now, (one.key for one in found)))
        except DataNotCollectedError as gap:
            return ChangeAttribution(evidence=f"Not collected: {gap.what}")


def _build_body(
    one: ResourceChange, attributed: ChangeAttribution, openings: Sequence[str]
) -> dict[str, Any]:
    id_ = str(one.body.get("id") or one.key)
    found = {
        path: {
            "propertyChangeType": "Insert" if old is None else "Remove" if new is None else "Update",
            "previousValue": old,
            "newValue": new,
            "changeCategory": attributed.category,
        }
        for path, old, new in one.list_changed_properties()
    }
    properties = {
        "targetResourceId": id_,
        "targetResourceType": str(one.body.get("type") or "").lower(),
        "changeType": one.kind,
        "changeAttributes": {
            "timestamp": one.after.isoformat(),
            "previousTimestamp": one.before.isoformat(),
            "changesCount": len(found),
            **msgspec.to_builtins(attributed),
            "openings": list(openings),
        },
        "changes": found,
    }
    return build_arm_body(build_document_id(id_, one.id), TYPE, properties)
