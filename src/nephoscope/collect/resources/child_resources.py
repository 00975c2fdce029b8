"""Child resources that a parent's body carries: subnets in a network, rules in a security group, extensions in a machine.

Which are taken, and why no others, is argued in docs/decisions/0042-embedded-children.md.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from nephoscope.collect.resources.resource_record import ResourceRecord
from nephoscope.collect.resources.truncated_values import is_truncated_rendering
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Parent type -> the lists in its `properties` whose elements ARM also serves as child resources of that name.
# Source: an alias `<parent>/<child>/<x>` that resolves to the child's own `properties.<x>` (az provider list --expand
# resourceTypes/aliases), beside an alias `<parent>/<child>[*]` that resolves into the parent's `properties.<child>`.
EMBEDDED: dict[str, frozenset[str]] = {
    "microsoft.cdn/profiles/endpoints": frozenset({"origins", "origingroups", "customdomains"}),
    "microsoft.compute/capacityreservationgroups": frozenset({"capacityreservations"}),
    "microsoft.compute/hostgroups": frozenset({"hosts"}),
    "microsoft.compute/restorepointcollections": frozenset({"restorepoints"}),
    "microsoft.datalakestore/accounts": frozenset(
        {"firewallrules", "virtualnetworkrules", "trustedidproviders"}
    ),
    "microsoft.network/expressroutecircuits": frozenset({"authorizations", "peerings"}),
    "microsoft.network/expressroutecircuits/peerings": frozenset({"connections"}),
    "microsoft.network/expressroutecrossconnections": frozenset({"peerings"}),
    "microsoft.network/expressroutegateways": frozenset({"expressrouteconnections"}),
    "microsoft.network/firewallpolicies": frozenset({"rulecollectiongroups"}),
    "microsoft.network/frontdoors": frozenset({"rulesengines"}),
    "microsoft.network/loadbalancers": frozenset({"backendaddresspools", "inboundnatrules"}),
    "microsoft.network/networkinterfaces": frozenset({"tapconfigurations"}),
    "microsoft.network/networksecuritygroups": frozenset({"securityrules"}),
    "microsoft.network/routefilters": frozenset({"rules"}),
    "microsoft.network/routetables": frozenset({"routes"}),
    "microsoft.network/serviceendpointpolicies": frozenset({"serviceendpointpolicydefinitions"}),
    "microsoft.network/virtualnetworks": frozenset({"subnets", "virtualnetworkpeerings"}),
    "microsoft.network/virtualnetworkgateways": frozenset({"natrules"}),
    "microsoft.network/vpngateways": frozenset({"natrules"}),
    "microsoft.search/searchservices": frozenset({"sharedprivatelinkresources"}),
    "microsoft.streamanalytics/streamingjobs": frozenset({"inputs", "outputs", "functions"}),
}
# Served as child resources by every provider that has them.
ANYWHERE = frozenset({"privateendpointconnections"})
_SEGMENTS = {"rules": "routefilterrules"}
_MAX_NESTING = 8
_LIST_NAMES = ANYWHERE.union(*EMBEDDED.values())
_WRITTEN_ID = re.compile(r'"id"\s*:\s*"(/[^"\\]+)"')
_RENDERED_ID = re.compile(r"(?:@\{|; )id=(/[^;}]+)", re.IGNORECASE)


@cache
def list_child_types(type_: str) -> frozenset[str]:
    """The child types that whole bodies of a lower-cased type list in full, so that none listed means none there."""
    names = EMBEDDED.get(type_, frozenset())
    return frozenset(f"{type_}/{_SEGMENTS.get(name, name)}" for name in names)


def is_listed(type_: str) -> bool:
    """Return whether the lower-cased child type is one that its parents' bodies list in full."""
    parent, _, segment = type_.rpartition("/")
    return segment in ANYWHERE or type_ in list_child_types(parent)


def iterate_children(
    body: dict[str, object], owner: ResourceId, nesting: int = _MAX_NESTING
) -> Iterator[ResourceRecord]:
    """The embedded children of a body, and theirs; a child that is only referred to by id has no `properties`."""
    for segment, element in _read_elements(body, owner.type):
        child = _read_child(element, owner, str(body["id"]), segment)
        if child is None:
            continue
        record, id_ = child
        yield record
        if nesting:
            yield from iterate_children(record.body, id_, nesting - 1)


def list_cut_children(body: dict[str, object], lost: Mapping[str, object]) -> list[dict[str, object]]:
    """List the children in what a body lost of its `properties` because an export cut it to text, as far as they have their ids.

    They are there and were not read: without them nothing would be said of a subnet whose network was cut.
    """
    text = body.get("id")
    if not isinstance(text, str):
        return []
    try:
        owner = ResourceId.parse(text)
    except ValueError:
        return []
    names = EMBEDDED.get(owner.type, frozenset()) | ANYWHERE
    return [
        {"id": child[0].body["id"]}
        for name, value in lost.items()
        if name.lower() in names
        for element in (value if isinstance(value, list) else [value])
        for named in _cut_elements(element)
        if (child := _read_child(named, owner, text, name)) is not None
    ]


def list_named_children(body: dict[str, object], text: str) -> list[dict[str, object]]:
    """List the children whose whole ids stand in a text of `properties` that ends in the middle, as where a spreadsheet cut a cell."""
    written = [{"id": id_} for id_ in dict.fromkeys(_WRITTEN_ID.findall(text))]
    return list_cut_children(body, dict.fromkeys(_LIST_NAMES, written)) if written else []


def attach_children(body: dict[str, object], several: list[dict[str, object]]) -> None:
    """Let a body carry further children, in its list `resources`."""
    known = body.get("resources")
    body["resources"] = [*(known if isinstance(known, list) else ()), *several]


def _cut_elements(element: object) -> list[dict[str, object]]:
    """The elements of a list that an element is or, where it is a rendering, names by their ids."""
    if isinstance(element, dict):
        return [element]
    found = (
        _RENDERED_ID.findall(element) if isinstance(element, str) and is_truncated_rendering(element) else []
    )
    return [{"id": id_} for id_ in found]


def _read_elements(body: dict[str, object], type_: str) -> Iterator[tuple[str, dict[str, object]]]:
    """(lower-cased list name, element) of each list that may hold child resources; '' for the list `resources`."""
    nested = body.get("resources")
    if isinstance(nested, list):
        yield from (("", element) for element in nested if isinstance(element, dict))
    properties = body.get("properties")
    if not isinstance(properties, dict):
        return
    names = EMBEDDED.get(type_, frozenset())
    if list not in map(type, properties.values()):  # every body is asked, and most have none
        return
    for name, value in [one for one in properties.items() if type(one[1]) is list]:
        if name.lower() in names or name.lower() in ANYWHERE:
            yield from ((name, element) for element in value if isinstance(element, dict))


def _read_child(
    element: dict[str, object], owner: ResourceId, owner_text: str, list_name: str
) -> tuple[ResourceRecord, ResourceId] | None:
    """The element as a body of its own when its id (given or composed) lies one step below the owner's."""
    text = element.get("id")
    if not isinstance(text, str) or not text.startswith("/"):
        name = element.get("name")
        if (
            not list_name
            or not isinstance(name, str)
            or not name
            or "/" in name
            or "properties" not in element
        ):
            return None
        text = f"{owner_text.rstrip('/')}/{_SEGMENTS.get(list_name.lower(), list_name)}/{name}"
    try:
        id_ = ResourceId.parse(text)
    except ValueError:
        return None
    if id_.parent != owner.key or not id_.type.startswith(owner.type + "/"):
        return None
    if list_name and id_.type.rpartition("/")[2] != _SEGMENTS.get(list_name.lower(), list_name.lower()):
        return None
    segments = text.rstrip("/").rsplit("/", 2)
    body = {"id": text, "name": segments[2], "type": element.get("type") or id_.type}
    body.update((key, value) for key, value in element.items() if key not in ("id", "name", "type"))
    return ResourceRecord(body, embedded=True), id_
