"""A row of the estate's table: one version of a resource, or the mark that a snapshot leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from nephoscope.estate.coverage import find_scope
from nephoscope_policy.model.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# The `type` of the row that a snapshot leaves; no resource type is written like this.
MARKER = "nephoscope:snapshot"
_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        pa.field("tenant", pa.string()),
        pa.field("subscription", pa.string()),
        pa.field("resource_group", pa.string()),
        pa.field("scope", pa.string()),
        pa.field("id", pa.string()),
        pa.field("type", pa.string()),
        pa.field("name", pa.string()),
        pa.field("location", pa.string()),
        pa.field("kind", pa.string()),
        pa.field("tags", pa.string()),
        pa.field("complete", pa.bool_()),
        pa.field("hash", pa.string()),
        pa.field("body", pa.string()),
        pa.field("valid_from", _TIME),
        pa.field("valid_to", _TIME),
        pa.field("current", pa.bool_()),
    ]
)


def build_resource_row(resource: Resource, content_hash: str, tenant: str) -> dict[str, object]:
    """The row of a version, but for the time at which it begins; `id` is lower-cased, `body` JSON text as the source ordered it."""
    body = resource.body
    return {
        "tenant": _read_text(body, "tenantId").lower() or tenant,
        "subscription": resource.id.subscription,
        "resource_group": resource.id.resource_group,
        "scope": find_scope(resource),
        "id": resource.key,
        "type": resource.type,
        "name": resource.id.name,
        "location": _read_text(body, "location"),
        "kind": _read_text(body, "kind"),
        "tags": msgspec.json.encode(body["tags"], order="sorted").decode() if body.get("tags") else "",
        "complete": resource.complete,
        "hash": content_hash,
        "body": msgspec.json.encode(body).decode(),
        "valid_to": None,
        "current": True,
    }


def build_marker_row(
    document: Mapping[str, object], snapshot_hash: str, at: datetime, tenant: str
) -> dict[str, object]:
    """The row that says that a snapshot was stored; it never ends."""
    return {
        "tenant": tenant,
        "id": f"{MARKER}/{document['sequence']}",
        "type": MARKER,
        "hash": snapshot_hash,
        "body": msgspec.json.encode(document).decode(),
        "valid_from": at,
        "current": True,
    }


def to_resource(row: Mapping[str, Any]) -> Resource:
    """The resource that a row holds."""
    return Resource.of(msgspec.json.decode(row["body"]), complete=row["complete"])


def _read_text(body: Mapping[str, object], key: str) -> str:
    value = body.get(key)
    return value if isinstance(value, str) else ""
