"""The containers of resources: subscriptions and resource groups that only ids name, and management groups above them.

Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/samples-by-category (managementGroupAncestorsChain)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.resource_id import (
    MANAGEMENT_GROUP_TYPE,
    RESOURCE_GROUP_TYPE,
    SUBSCRIPTION_TYPE,
    ResourceId,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_GROUP_PREFIX = f"/providers/{MANAGEMENT_GROUP_TYPE}/"
_MEMBER_TYPE = f"{MANAGEMENT_GROUP_TYPE}/subscriptions"
TENANT_ROOT = "Tenant root group"
"""What Azure calls the management group above all of a tenant, whose id is that of the tenant, unless it was renamed."""
_SPELLING = {
    SUBSCRIPTION_TYPE: "Microsoft.Resources/subscriptions",
    RESOURCE_GROUP_TYPE: "Microsoft.Resources/subscriptions/resourceGroups",
}


def derive_containers(resources: Iterable[Resource]) -> list[Resource]:
    """A derived resource for every subscription and resource group that an id lies in: its id, name and type, nothing else."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for resource in resources:
        subscription, group = resource.id.subscription, resource.id.resource_group
        if not subscription:
            continue
        if (subscription, "") not in found:
            found[subscription, ""] = (_format_prefix(resource, 2), SUBSCRIPTION_TYPE)
        if group and (subscription, group) not in found:
            found[subscription, group] = (_format_prefix(resource, 4), RESOURCE_GROUP_TYPE)
    return [_derive_container(text, type_) for text, type_ in found.values()]


def get_subscription_name(resource: Resource) -> str:
    """The display name of a subscription object, '' where it is not known."""
    properties = resource.body.get("properties")
    title = properties.get("displayName") if isinstance(properties, dict) else None
    return str(title or resource.body.get("displayName") or resource.body.get("name") or "")


def _format_prefix(resource: Resource, parts: int) -> str:
    """The first segments of an id as its source spelled them."""
    return "/".join(str(resource.body["id"]).strip().split("/", parts + 1)[: parts + 1])


def _derive_container(text: str, type_: str) -> Resource:
    body = {"id": text, "name": text.rsplit("/", 1)[-1], "type": _SPELLING[type_]}
    origin = f"derived {text}".encode()
    return Resource(ResourceId.parse(text), body, complete=False, derived=True, origin=origin)


def map_ancestors(types: Mapping[str, Sequence[Resource]]) -> dict[str, tuple[str, ...]]:
    """The management groups above each subscription, nearest first, from what the containers themselves say."""
    parents = _read_parents(types.get(MANAGEMENT_GROUP_TYPE, ()))
    chains: dict[str, tuple[str, ...]] = {}
    for resource in types.get(_MEMBER_TYPE, ()):
        parent = _read_parent(resource) or resource.id.parent
        chains[f"/subscriptions/{resource.id.name}"] = _list_ancestors(parent, parents)
    for resource in types.get(SUBSCRIPTION_TYPE, ()):
        chain = _read_chain(_read_properties(resource))
        if chain:
            chains[resource.key] = chain
    return chains


def map_management_group_names(types: Mapping[str, Sequence[Resource]]) -> dict[str, str]:
    """The display name of each management group that its own body, or a chain of ancestors that it stands in, tells."""
    groups = types.get(MANAGEMENT_GROUP_TYPE, ())
    holders = [*map(_read_properties, types.get(SUBSCRIPTION_TYPE, ()))]
    holders += [
        details for one in groups if isinstance(details := _read_properties(one).get("details"), dict)
    ]
    chained = [
        (_GROUP_PREFIX + item["name"].lower(), item.get("displayName"))
        for holder in holders
        for item in _read_items(holder)
        if isinstance(item.get("name"), str)
    ]
    own = [(one.key, _read_properties(one).get("displayName")) for one in groups]
    return {id_: title for id_, title in [*chained, *own] if isinstance(title, str) and title}


def _read_properties(resource: Resource) -> dict[str, Any]:
    properties = resource.body.get("properties")
    return properties if isinstance(properties, dict) else {}


def _read_chain(properties: dict[str, object]) -> tuple[str, ...]:
    """`managementGroupAncestorsChain`: nearest first, each with a `name`."""
    names = [item.get("name") for item in _read_items(properties)]
    return tuple(_GROUP_PREFIX + name.lower() for name in names if isinstance(name, str))


def _read_items(properties: dict[str, object]) -> list[dict[str, Any]]:
    chain = properties.get("managementGroupAncestorsChain")
    return [item for item in chain if isinstance(item, dict)] if isinstance(chain, list) else []


def _read_parent(resource: Resource) -> str:
    """The id of the management group that `properties.parent` or `properties.details.parent` names, '' without one."""
    properties = _read_properties(resource)
    details = properties.get("details")
    for holder in (details if isinstance(details, dict) else {}, properties):
        parent = holder.get("parent")
        if isinstance(parent, dict) and isinstance(parent.get("id"), str):
            return str(parent["id"]).lower().rstrip("/")
    return ""


def _read_parents(groups: Iterable[Resource]) -> dict[str, str]:
    """Each management group's parent, from its `details.parent` or its `details.managementGroupAncestorsChain`."""
    parents: dict[str, str] = {}
    for group in groups:
        details = _read_properties(group).get("details")
        chain = _read_chain(details) if isinstance(details, dict) else ()
        parent = _read_parent(group) or (chain[0] if chain else "")
        if parent:
            parents[group.key] = parent
    return parents


def _list_ancestors(group: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    chain: list[str] = []
    while group and group not in chain:
        chain.append(group)
        group = parents.get(group, "")
    return tuple(chain)
