"""The estate that an expansion plans: resources as they will be sent, with Azure's defaults, and what the deployment answers for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from nephoscope.estate.estate import Estate
from nephoscope_policy.arm.template import Expansion, PlannedResource
from nephoscope_policy.arm.unknown import Unknown, find_unknown
from nephoscope_policy.azure_defaults import default_children, defaults_of
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.paths import Segments

_DEPLOYMENTS = ("microsoft.resources/deployments", "microsoft.resources/deploymentscripts")
#: Extensions that nobody but a deployment makes: where it makes none, there is none.
_EXTENSIONS = frozenset({"microsoft.insights/diagnosticsettings", "microsoft.authorization/locks"})


@dataclass(frozen=True, slots=True)
class PlannedEstate:
    """The estate, and by lower-cased id the planned resource behind each of its resources that a deployment makes.

    `derived` are the children that Azure makes with a resource: the key of that resource, and the path of its body that they show.
    """

    estate: Estate
    planned: Mapping[str, PlannedResource]
    derived: Mapping[str, tuple[str, Segments]]


def plan_estate(expansion: Expansion, child_types: Iterable[str]) -> PlannedEstate:
    """Build the estate of an expansion; `child_types` are the lower-cased types that policies look up below a resource.

    Children that Azure makes with a resource are in it with their defaults, where the deployment does not set them.
    """
    planned: dict[str, PlannedResource] = {}
    resources: dict[str, Resource] = {}
    derived: dict[str, tuple[str, Segments]] = {}
    for one in expansion.resources:
        resource = _resource(one)
        if resource is not None:
            planned[resource.key], resources[resource.key] = one, resource
    for parent in tuple(resources.values()):
        for child in default_children(parent.type, planned[parent.key].id, parent.body):
            made = _filled(child.body, Planning())
            if made.key not in resources:
                resources[made.key], derived[made.key] = made, (parent.key, child.source)
    types = frozenset(child_types)
    scopes = {key: _claims(resource.type, types) for key, resource in resources.items()}
    coverage = Coverage({key: claims for key, claims in scopes.items() if claims}, declared=True)
    return PlannedEstate(Estate.of(resources.values(), coverage), planned, derived)


def _claims(type_: str, child_types: frozenset[str]) -> frozenset[str]:
    return _EXTENSIONS | {child for child in child_types if child.startswith(f"{type_}/")}


def _resource(one: PlannedResource) -> Resource | None:
    if one.type.lower() in _DEPLOYMENTS:
        return None
    body: dict[str, Any] = dict(one.body)
    if isinstance(one.api_version, str):
        body["apiVersion"] = one.api_version
    condition = (
        f"whether it is deployed is not known before the deployment: {one.condition.reason}"
        if isinstance(one.condition, Unknown)
        else ""
    )
    unnamed = body["id"] if isinstance(body["id"], Unknown) else None
    body |= {"id": one.id, "name": one.name.rpartition("/")[2]}
    try:
        return _filled(body, Planning(condition=condition, unnamed=unnamed.reason if unnamed else ""))
    except ValueError:
        return None


def _filled(body: dict[str, Any], planning: Planning) -> Resource:
    """The resource of a body with the defaults of its type."""
    identifier = ResourceId.parse(str(body["id"]))
    filled, absent = defaults_of(identifier.type).fill(body)
    known = find_unknown(filled) is None
    return Resource(identifier, filled, complete=known, planned=replace(planning, absent=absent))
