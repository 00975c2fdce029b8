"""Rows of Azure Resource Graph: ARM bodies with `tenantId`, `subscriptionId` and `resourceGroup` beside the members.

Resource Graph writes null or '' for members that ARM leaves out; they are left out here too, so that a condition on
whether a member exists is judged as on the ARM body. `properties` may arrive as JSON text (CSV round trips).
Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.child_resources import attach_children, list_named_children
from nephoscope.collect.resources.json_grammar import decode_flat
from nephoscope.collect.resources.resource_record import RecordError, ResourceRecord, parse_resource_id
from nephoscope.collect.resources.truncated_values import is_truncated_rendering

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 30

_CUT_CELL = (
    "'properties' is text and not JSON, so that what reads them ends Unknown; a spreadsheet cuts cells of more than 32,767 characters:"
    ' scan the file as it was downloaded, or export with az graph query -q "resources" --first 1000'
)
_OPTIONAL = (
    "kind", "managedBy", "location", "sku", "plan", "tags", "identity", "zones", "extendedLocation", "properties"
)  # fmt: skip


def recognizes(value: dict[str, object]) -> bool:
    """Return whether the row has an id and the columns that only Resource Graph adds."""
    return (
        "tenantId" in value
        and ("resourceGroup" in value or "aliases" in value)
        and isinstance(value.get("id"), str)
    )


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """The row as an ARM body."""
    body = {key: item for key, item in value.items() if key not in _OPTIONAL or item not in (None, "")}
    properties, note = body.get("properties"), ""
    if isinstance(properties, str) and not is_truncated_rendering(properties):
        body["properties"] = decode_flat(properties.encode())
        if body["properties"] is None:
            note = _CUT_CELL
            if several := list_named_children(body, properties):
                attach_children(body, several)
    if not parse_resource_id(body["id"]):
        raise RecordError(f"'id' is not a resource id: {body['id']!r}")
    yield ResourceRecord(body, note=note)
