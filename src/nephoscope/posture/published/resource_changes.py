"""Microsoft.Resources/changes: what ResourceChanges and ResourceContainerChanges show: the changes of resources of the last 14 days.

Source: https://learn.microsoft.com/azure/governance/resource-graph/changes/get-resource-changes (properties, retention)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from nephoscope.estate.resource_changes import ResourceChange, changes
from nephoscope.estate.tenant_stores import tenant_stores
from nephoscope.posture.published.document import PublishedDocument, arm
from nephoscope.posture.reports.resource_graph_tables import table_of

KEPT = timedelta(days=14)
TYPE = "Microsoft.Resources/changes"
CONTAINERS = "resourcecontainerchanges"


def documents(data: Path, now: datetime) -> Iterator[tuple[PublishedDocument, str]]:
    """A document a change, with the table in which it stands."""
    found = ((store.tenant, one) for store in tenant_stores(data) for one in changes(store, now - KEPT, now))
    for tenant, one in found:
        document = PublishedDocument.of(_body(one), tenant=tenant)
        target = str(document.body["properties"]["targetResourceType"])
        yield document, CONTAINERS if table_of(target) == "resourcecontainers" else table_of(TYPE.lower())


def _body(one: ResourceChange) -> dict[str, object]:
    id_ = str(one.body.get("id") or one.key)
    found = {
        path: {
            "propertyChangeType": "Insert" if old is None else "Remove" if new is None else "Update",
            "previousValue": old,
            "newValue": new,
            "changeCategory": "User",
        }
        for path, old, new in one.properties()
    }
    properties = {
        "targetResourceId": id_,
        "targetResourceType": str(one.body.get("type") or "").lower(),
        "changeType": one.kind,
        "changeAttributes": {
            "timestamp": one.after.isoformat(),
            "previousTimestamp": one.before.isoformat(),
            "changesCount": len(found),
        },
        "changes": found,
    }
    return arm(f"{id_.rstrip('/')}/providers/{TYPE}/{one.id}", TYPE, properties)
