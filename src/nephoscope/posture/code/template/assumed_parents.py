"""Assumed parents: parents outside the deployment, evaluated with only what the deployment sets on them.

A template often sets a child of what is there already. The parent's policies ask for the child, so that the parent is judged with the
children that the deployment gives it; all else of it is unknown, and only what a child decides is said.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from nephoscope.estate.estate import Estate
from nephoscope.posture.code.template.inline_children import RepeatedChildren
from nephoscope.posture.code.template.planned_estate import PlannedEstate, list_known_children
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import (
    MANAGEMENT_GROUP_TYPE,
    RESOURCE_GROUP_TYPE,
    SUBSCRIPTION_TYPE,
    ResourceId,
)

_CONTAINERS = frozenset({SUBSCRIPTION_TYPE, RESOURCE_GROUP_TYPE, MANAGEMENT_GROUP_TYPE})
_OF_SUBSCRIPTION = frozenset(
    {
        "microsoft.insights/logprofiles",
        "microsoft.security/autoprovisioningsettings",
        "microsoft.security/pricings",
        "microsoft.security/securitycontacts",
        "microsoft.security/settings",
    }
)
"""Types of which a subscription alone has resources, whatever scope a template is written for."""


def build_implied_parents(planned: PlannedEstate) -> PlannedEstate | None:
    """Build the estate of the parents that a deployment does not make, with what it gives them; None where it makes them all."""
    held: dict[str, Resource] = {}
    implied: dict[str, Resource] = {}
    given: dict[str, set[str]] = defaultdict(set)
    for key in planned.planned:
        child = _complete_resource_name(planned.estate.resources[key])
        above = list(_list_missing_parents(child.id, planned.planned))
        if above:
            held[key] = child
            implied |= {
                one.key: _assume_parent(one, child.name) for one in above if one.type not in _CONTAINERS
            }
            given[above[0].key] |= set(list_known_children(child))
    if not held:
        return None
    resources = held | implied
    repeated = RepeatedChildren()
    repeated.add(resources)
    coverage = Coverage({key: frozenset(claims) for key, claims in given.items()}, declared=True)
    estate = Estate.of(resources.values(), coverage)
    return PlannedEstate(
        estate, planned.planned, {}, repeated=repeated, implied=frozenset(given) | frozenset(implied)
    )


def _complete_resource_name(resource: Resource) -> Resource:
    """A resource whose own name is known as one whose id is: it is found under its parent by the same text."""
    planned = resource.planned
    if planned is None or not planned.unnamed or "{" in resource.name:
        return resource
    return dataclasses.replace(resource, planned=replace(planned, unnamed=""))


def _list_missing_parents(child: ResourceId, made: Iterable[str]) -> Iterator[ResourceId]:
    """The parents of a resource that the deployment does not make, nearest first, up to the first that it makes."""
    if child.type in _OF_SUBSCRIPTION:
        yield ResourceId.parse(child.subscription_id)
        return
    above = child.parent
    while above and above not in made:
        try:
            parent = ResourceId.parse(above)
        except ValueError:
            return
        if parent.type in _CONTAINERS:
            return
        yield parent
        above = parent.parent


def _assume_parent(identifier: ResourceId, child: str) -> Resource:
    reason = f"the deployment does not create it; it is known only as the parent of {child}"
    body: dict[str, object] = {
        "id": identifier.key,
        "name": identifier.name,
        "type": identifier.type,
        "properties": OpenObject({}, Unknown("object", "runtime", reason)),
    }
    return Resource(identifier, body, complete=False, planned=Planning())
