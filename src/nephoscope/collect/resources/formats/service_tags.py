"""Service tags: the published file of address ranges, and the answer of `az network list-service-tags`.

Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview#discover-service-tags-by-using-downloadable-json-files
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.resource_record import ResourceRecord, parse_resource_id

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 5
TYPE = "Microsoft.Network/serviceTags"


def recognizes(value: dict[str, object]) -> bool:
    """Return whether a document lists the prefixes of service tags."""
    return "changeNumber" in value and "cloud" in value and isinstance(value.get("values"), list)


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """One resource with every tag; the published file has no id of its own."""
    cloud = str(value["cloud"])
    tag_id = parse_resource_id(value.get("id")) or f"/providers/{TYPE}/{cloud}"
    properties = {name: value[name] for name in ("changeNumber", "cloud", "values")}
    yield ResourceRecord({"id": tag_id, "name": cloud, "type": TYPE, "properties": properties})
