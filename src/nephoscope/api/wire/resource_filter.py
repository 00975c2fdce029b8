"""`$filter` of the lists of resources: what it picks, and what of it the list itself can be narrowed to.

Source: https://learn.microsoft.com/rest/api/resources/resources/list (the $filter parameter)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.odata_filter import ODataFilter, read
from nephoscope.api.wire.odata_tree import PropertyComparison, split_conjuncts
from nephoscope_policy.model.resource_id import ResourceId

_TAGS = frozenset({"tagname", "tagvalue"})
_NAMES = frozenset({"location", "resourcetype", "name", "resourcegroup", "identity", "plan", *_TAGS})
_PARTS = frozenset(
    {
        "identity/principalid",
        *(f"plan/{one}" for one in ("publisher", "product", "name", "version", "promotioncode")),
    }
)
#: A location may be written as it is shown: 'West Europe'.
_LOCATION = re.compile(r"(\blocation\s+(?:eq|ne)\s+')([^']*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """A filter; `type` is the one lower-cased type that everything it picks is of, '' where it does not say so."""

    filter: ODataFilter
    type: str = ""

    def selects(self, body: Mapping[str, object]) -> bool:
        """Return whether a resource is picked; a name and a value of tags are those of one tag."""
        tagged = _TAGS & {one.lower() for one in self.filter.names}
        rows = _list_tagged_resources(body) if tagged else (_build_row(body),)
        return any(self.filter.test(row) for row in rows)


def parse_filter(text: str) -> ResourceFilter:
    """A filter as it is written ('' = everything); Fault for one that is not understood or names another property."""
    text = _LOCATION.sub(lambda one: one[1] + one[2].replace(" ", ""), text)
    try:
        found = read(text)
    except ApiError as fault:
        raise _make_filter_error(fault.message) from fault
    for name in found.names:
        if name.lower() not in _NAMES | _PARTS:
            known_names = ", ".join(sorted(_NAMES | _PARTS))
            raise _make_filter_error(
                f"'{name[:100]}' is not a property that filters resources: use {known_names}."
            )
    types = [
        str(one.value).lower()
        for one in split_conjuncts(found.tree)
        if isinstance(one, PropertyComparison)
        and one.operator == "eq"
        and one.path.name.lower() == "resourcetype"
    ]
    return ResourceFilter(found, types[0] if types else "")


def _build_row(body: Mapping[str, object]) -> dict[str, object]:
    """The properties of a resource by the names that filters have for them."""
    id_ = ResourceId.parse(str(body["id"]))
    return {
        "name": body.get("name") or "",
        "location": str(body.get("location") or "").replace(" ", ""),
        "resourceType": id_.type,
        "resourceGroup": id_.resource_group or "",
        "identity": body.get("identity") or "",
        "plan": body.get("plan") or "",
    }


def _list_tagged_resources(body: Mapping[str, object]) -> Iterator[dict[str, object]]:
    """Yield the same with each of its tags."""
    tags = body.get("tags") or {}
    for name, value in tags.items() if isinstance(tags, Mapping) else ():
        yield {**_build_row(body), "tagName": name, "tagValue": value}


def _make_filter_error(message: str) -> ApiError:
    return make_bad_request_error(message, "$filter", "InvalidFilterInQueryString")
