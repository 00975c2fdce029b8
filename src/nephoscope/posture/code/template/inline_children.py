"""Inline children: child resources that Azure also shows in the parent's body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.unknown import OpenArray, OpenObject, Unknown, find_unknown
from nephoscope_policy.azure_defaults import load_type_defaults
from nephoscope_policy.body_paths import Segments
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId

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


class InlineChild(msgspec.Struct, frozen=True):
    """A child that is written in the body of its parent alone: the parent's key, and the path of what are its properties."""

    parent: str
    child: Resource
    path: Segments


def inline_children(resources: Mapping[str, Resource]) -> Iterator[InlineChild]:
    """Yield the children in the bodies of resources that are no resources of their own."""
    for type_, name in LISTS.items():
        for parent in [*resources.values()]:
            if parent.type == type_.rpartition("/")[0]:
                for index, element in enumerate(_read_list(parent, name)):
                    child = _to_child(parent, type_, element, flat=name in FLAT)
                    if child is not None and child.key not in resources:
                        place: Segments = (PROPERTIES, name, index)
                        yield InlineChild(parent.key, child, place if name in FLAT else (*place, PROPERTIES))


def _read_list(parent: Resource, name: str) -> Sequence[object]:
    inner = member(parent.body, PROPERTIES)
    found = member(inner[1], name) if inner is not None and isinstance(inner[1], dict) else None
    listed = found[1] if found is not None else ()
    if isinstance(listed, OpenArray):
        return listed.known
    return listed if isinstance(listed, list) else ()


def _to_child(parent: Resource, type_: str, element: object, *, flat: bool) -> Resource | None:
    named = member(element, "name") if isinstance(element, dict) else None
    if named is None or not isinstance(named[1], str) or not named[1] or "/" in named[1]:
        return None
    id_ = f"{parent.body['id']}/{type_.rpartition('/')[2]}/{named[1]}"
    given = (PROPERTIES, element) if flat else member(element, PROPERTIES)
    body: dict[str, object] = {
        "id": id_,
        "name": named[1],
        "type": type_,
        PROPERTIES: given[1] if given else {},
    }
    if "apiVersion" in parent.body:
        body["apiVersion"] = parent.body["apiVersion"]
    filled, absent = load_type_defaults(type_).fill(body)
    around = parent.planned or Planning()
    planning = Planning(absent, around.condition, around.unnamed)
    return Resource(ResourceId.parse(id_), filled, complete=find_unknown(filled) is None, planned=planning)


class RepeatedChildren(msgspec.Struct):
    """Places of children in the bodies of their parents: by the parent's key and the lower-cased path, the child's key."""

    places: dict[tuple[str, BodyPath], str] = msgspec.field(default_factory=dict)

    def add(self, resources: dict[str, Resource]) -> None:
        """Put each child that its parent lacks into the parent's body."""
        for child in [one for one in resources.values() if one.type in LISTS]:
            parent = resources.get(child.id.parent)
            if parent is not None:
                resources[parent.key] = self._add_child(parent, child, LISTS[child.type])

    def _add_child(self, parent: Resource, child: Resource, name: str) -> Resource:
        inner = member(parent.body, PROPERTIES)
        properties: object = inner[1] if inner is not None else {}
        listed = member(properties, name)
        before: object = listed[1] if listed is not None and listed[1] is not None else []
        held: object = before.known if isinstance(before, OpenArray) else before
        if not isinstance(properties, dict) or not isinstance(held, list | tuple):
            return parent
        doubt = (child.planned or Planning()).condition
        rest: Unknown | None = before if isinstance(before, OpenArray) else None
        kept = [one for one in held if not _is_of(one, child)]
        place: BodyPath = (PROPERTIES, name.lower())
        if doubt:
            known, rest = kept, Unknown("array", "parameter", doubt)
        else:
            place = (*place, len(kept))
            known = [*kept, _wrap_child(child, name)]
        self.places.setdefault((parent.key, place), child.key)
        body = {key: value for key, value in properties.items() if key.lower() != name.lower()}
        body[name] = (
            known if rest is None else OpenArray("array", rest.cause, rest.reason, known=tuple(known))
        )
        whole = OpenObject(body, properties.rest) if isinstance(properties, OpenObject) else body
        return replace(parent, body={**parent.body, inner[0] if inner is not None else PROPERTIES: whole})

    def locate_child(self, key: str, at: BodyPath) -> tuple[str, BodyPath] | None:
        """The child's key and the path in its body, of a part of its parent's body; None where the parent says it itself.

        Of a list that may have a child more it is the child.
        """
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


def _wrap_child(child: Resource, name: str) -> object:
    """The element that shows a child; its name may be unknown."""
    unnamed = (child.planned or Planning()).unnamed
    name_of: object = Unknown("string", "parameter", unnamed, filled=True) if unnamed else child.name
    given = member(child.body, PROPERTIES)
    if name not in FLAT:
        shown: dict[str, object] = {"name": name_of}
        shown["id"] = name_of if unnamed else child.body.get("id")
        return {**shown, PROPERTIES: given[1]} if given is not None else shown
    properties: Mapping[str, object] = given[1] if given is not None and isinstance(given[1], dict) else {}
    flat = {"name": name_of, **properties}
    return OpenObject(flat, given[1].rest) if given is not None and isinstance(given[1], OpenObject) else flat
