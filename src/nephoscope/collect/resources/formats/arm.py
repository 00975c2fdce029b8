"""ARM bodies as a GET returns them, and the rows of `az resource list`, which carry no `properties`.

Source: https://learn.microsoft.com/rest/api/resources/resources/get-by-id and /resources/list
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.collect.resources.resource_record import RecordError, ResourceRecord, parse_resource_id

if TYPE_CHECKING:
    from collections.abc import Iterator

RANK = 90


def recognizes(value: dict[str, object]) -> bool:
    """Return whether the object has an `id`."""
    return "id" in value


def records(value: dict[str, object]) -> Iterator[ResourceRecord]:
    """The body as it is."""
    if not parse_resource_id(value["id"]):
        raise RecordError(f"'id' is not a resource id: {str(value['id'])[:100]!r}")
    yield ResourceRecord(value, str(value.get("apiVersion") or ""))
