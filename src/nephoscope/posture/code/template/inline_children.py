"""Inline children: child resources that Azure also shows in the parent's body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import msgspec

from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.model.resource import Planning, Resource

PROPERTIES = "properties"
LISTS = {
    "microsoft.network/networksecuritygroups/securityrules": "securityRules",
    "microsoft.network/virtualnetworks/subnets": "subnets",
    "microsoft.network/virtualnetworks/virtualnetworkpeerings": "virtualNetworkPeerings",
    "microsoft.network/routetables/routes": "routes",
    "microsoft.containerservice/managedclusters/agentpools": "agentPoolProfiles",
}
"""The list in `properties` of the parent, by the lower-cased type of the child."""
FLAT = frozenset({"agentPoolProfiles"})
"""Lists whose elements have the child's properties beside its name."""
BodyPath = tuple[str | int, ...]


class RepeatedChildren(msgspec.Struct):
    """Where children stand in the bodies of their parents: by the parent's key and the lower-cased path, the child's key."""

    places: dict[tuple[str, BodyPath], str] = msgspec.field(default_factory=dict)

    def add(self, resources: dict[str, Resource]) -> None:
        """Put each child that its parent lacks into the parent's body."""
        for child in [one for one in resources.values() if one.type in LISTS]:
            parent = resources.get(child.id.parent)
            if parent is not None:
                resources[parent.key] = self._with(parent, child, LISTS[child.type])

    def _with(self, parent: Resource, child: Resource, name: str) -> Resource:
        inner = member(parent.body, PROPERTIES)
        properties: object = inner[1] if inner is not None else {}
        listed = member(properties, name)
        before: object = listed[1] if listed is not None and listed[1] is not None else []
        if not isinstance(properties, dict) or not isinstance(before, list):
            return parent
        kept = [one for one in before if not _is_of(one, child)]
        place = (PROPERTIES, name.lower(), len(kept))
        self.places[parent.key, place] = child.key
        body = {key: value for key, value in properties.items() if key.lower() != name.lower()}
        body[name] = [*kept, _element(child, name)]
        whole = OpenObject(body, properties.rest) if isinstance(properties, OpenObject) else body
        return replace(parent, body={**parent.body, inner[0] if inner is not None else PROPERTIES: whole})

    def found(self, key: str, at: BodyPath) -> tuple[str, BodyPath] | None:
        """The child's key and the path in its body, of a part of its parent's body; None where the parent says it itself."""
        folded = tuple(one.lower() if isinstance(one, str) else one for one in at[:3])
        child = self.places.get((key, folded)) if self.places else None
        if child is None:
            return None
        flat = any(one.lower() == folded[1] for one in FLAT)
        return child, (PROPERTIES, *at[3:]) if flat else at[3:]


def _is_of(element: object, child: Resource) -> bool:
    """Return whether an element of a list is what another resource says, too."""
    named = member(element, "name")
    return named is not None and isinstance(named[1], str) and named[1].lower() == child.name.lower()


def _element(child: Resource, name: str) -> object:
    """The element that shows a child; one that may not be made, or whose name is not known, is unknown."""
    planning = child.planned or Planning()
    doubt = planning.condition or planning.unnamed
    if doubt:
        return Unknown("object", reason=doubt)
    given = member(child.body, PROPERTIES)
    if name not in FLAT:
        shown: dict[str, object] = {key: child.body[key] for key in ("id", "name") if key in child.body}
        return {**shown, PROPERTIES: given[1]} if given is not None else shown
    properties: Mapping[str, object] = given[1] if given is not None and isinstance(given[1], dict) else {}
    flat = {"name": child.name, **properties}
    return OpenObject(flat, given[1].rest) if given is not None and isinstance(given[1], OpenObject) else flat
