"""Potential siblings: what a deployment may also make beside a resource, where a name, a scope or a whole template is not known.

A child whose name is not known may be the one that is asked for, or that Azure would make; one of an unknown parent may be of each
parent of its type. A nested deployment that cannot be read may make any extension or child in its scope. So that something is not
there proves nothing then: the doubtful ones are in the estate, as resources of which it is not known whether they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec

from nephoscope.posture.code.template.inline_children import LISTS, PROPERTIES
from nephoscope.posture.code.template.partial_resource_ids import is_open, is_within, may_be
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope_policy.arm.template.document import member
from nephoscope_policy.arm.unknown import OpenObject, Unknown, join_alternatives
from nephoscope_policy.azure_defaults import list_optional_children
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.related_resources import EXTENSIONS

_UNREAD = "{unread}"
_READ_ALONE = frozenset({"microsoft.insights/diagnosticsettings", "microsoft.authorization/locks"})


class UnreadDeployment(msgspec.Struct, frozen=True):
    """A deployment whose template could not be read: the lower-cased scope that it goes to, and why its resources are not known."""

    scope: str
    reason: str


class Sibling(msgspec.Struct, frozen=True):
    """A resource that may stand in another one than its id tells: its type, the lower-cased id it stands in, its body."""

    type: str
    container: str
    name: str
    body: Mapping[str, object]
    planning: Planning
    reason: str

    def to_child_of(self, parent: Resource) -> Resource:
        """The resource as a child or an extension of a parent, of which it is not known whether it is made."""
        segments = self.type.split("/")
        tail = segments[-1] if self.type not in EXTENSIONS else f"providers/{self.type}"
        id_ = f"{parent.body['id']}/{tail}/{self.name}"
        body = {**self.body, "id": id_, "name": self.name, "type": self.type}
        unnamed = self.reason if is_open(self.name) else ""
        planning = msgspec.structs.replace(self.planning, condition=self.reason, unnamed=unnamed)
        return Resource(ResourceId.parse(id_), body, complete=False, planned=planning)


def find_unread_deployments(listed: Iterable[WrittenResource]) -> list[UnreadDeployment]:
    """List the deployments whose templates could not be read."""
    return [
        UnreadDeployment(
            one.unread_scope.lower(),
            f"what the deployment {one.name} makes is not known: its template is not read",
        )
        for one in listed
        if one.unread_scope is not None
    ]


def add_possible_siblings(
    resources: dict[str, Resource],
    derived: Mapping[str, object],
    unplaced: Iterable[WrittenResource],
    unread: Sequence[UnreadDeployment],
) -> None:
    """Add what may be a sibling to resources, and leave open what Azure makes (`derived`) where such a one may be it."""
    made = [one for one in resources.values() if one.key not in derived]
    for parent, sibling in [
        *_list_possible_siblings(made, unplaced),
        *_list_siblings_of_unread(resources, derived, unread),
    ]:
        one = sibling.to_child_of(parent)
        for key in _find_replaced_resources(resources, derived, one):
            resources[key] = _join_potential_siblings(resources[key], one, sibling.reason)
        if one.key not in resources:
            resources[one.key] = one


def join_conditional(child: Resource, default: Resource) -> Resource:
    """A child of which it is not known whether it is made, as it is beside what Azure makes without it."""
    planning = child.planned or Planning()
    if not planning.condition:
        return child
    joined = _join_potential_siblings(default, child, planning.condition)
    body = {**child.body, PROPERTIES: joined.body.get(PROPERTIES)}
    return replace(child, body=body, planned=msgspec.structs.replace(planning, condition=""))


def _list_possible_siblings(
    made: Sequence[Resource], unplaced: Iterable[WrittenResource]
) -> Iterator[tuple[Resource, Sibling]]:
    """Yield resources with what may stand in each."""
    keys = {one.key: one for one in made}
    by_type: dict[str, list[Resource]] = {}
    for one in made:
        by_type.setdefault(one.type, []).append(one)
    for sibling in [*filter(None, map(_find_sibling, made)), *map(_to_sibling, unplaced)]:
        own = keys.get(sibling.container)
        if own is not None:
            if is_open(sibling.name):
                yield own, sibling
            continue
        above = sibling.type.rpartition("/")[0]
        parents = made if sibling.type in EXTENSIONS else by_type.get(above, ())
        yield from ((one, sibling) for one in parents if may_be(sibling.container, one.key))


def _find_sibling(resource: Resource) -> Sibling | None:
    if resource.type.count("/") < 2 and resource.type not in EXTENSIONS:
        return None
    planning = resource.planned or Planning()
    reason = planning.condition or planning.unnamed or "the name of a resource around it is not known"
    return Sibling(resource.type, resource.id.parent, resource.id.name, resource.body, planning, reason)


def _to_sibling(one: WrittenResource) -> Sibling:
    name = one.name.rpartition("/")[2]
    reason = f"what {one.type} {name} belongs to is not known"
    return Sibling(one.type.lower(), one.container.lower(), name, one.body, Planning(), reason)


def _list_siblings_of_unread(
    resources: Mapping[str, Resource], derived: Mapping[str, object], unread: Sequence[UnreadDeployment]
) -> Iterator[tuple[Resource, Sibling]]:
    """Yield resources with what an unread template may make in each: of the types of which the absence would prove something."""
    if not unread:
        return
    types: dict[str, set[str]] = {}
    for one in resources.values():
        types.setdefault(one.id.parent, set()).add(one.type)
    for one in [*resources.values()]:
        reason = next((each.reason for each in unread if is_within(one.key, each.scope)), "")
        if reason and one.key not in derived:
            below = {child for child, name in LISTS.items() if child.rpartition("/")[0] == one.type}
            for type_ in sorted(
                types.get(one.key, set()) | below | _READ_ALONE | {*list_optional_children(one.type)}
            ):
                body = {PROPERTIES: Unknown("object", "remote", reason)}
                yield one, Sibling(type_, one.key, _UNREAD, body, Planning(), reason)


def _find_replaced_resources(
    resources: Mapping[str, Resource], derived: Mapping[str, object], one: Resource
) -> Iterator[str]:
    """Yield the keys of what Azure makes of itself that a doubtful resource may be."""
    if one.key in derived:
        yield one.key
    elif is_open(one.id.name):
        for key in derived:
            other = resources[key]
            if (
                other.type == one.type
                and other.id.parent == one.id.parent
                and may_be(one.id.name, other.id.name)
            ):
                yield key


def _join_potential_siblings(default: Resource, one: Resource, reason: str) -> Resource:
    """What Azure makes where it may be another: what both have in common."""
    left, right = member(default.body, PROPERTIES), member(one.body, PROPERTIES)
    why = Unknown("object", "parameter", reason)
    known: object = OpenObject({}, why) if right is None else right[1]
    return replace(
        default,
        body={**default.body, PROPERTIES: join_alternatives(left[1] if left else {}, known, why)},
        complete=False,
    )
