"""The estate that planned resources make: as they will be sent, with Azure's defaults, and what the deployment answers for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import msgspec

from nephoscope.estate.estate import Estate
from nephoscope.posture.code.template.app_service_authentication import apply_sign_in_settings
from nephoscope.posture.code.template.inline_children import RepeatedChildren, inline_children
from nephoscope.posture.code.template.potential_siblings import (
    UnreadDeployment,
    add_possible_siblings,
    find_unread_deployments,
    join_conditional,
)
from nephoscope.posture.code.template.private_endpoints import CONNECTIONS, connect_endpoints
from nephoscope.posture.code.template.template_resource import WrittenResource
from nephoscope_policy.arm.unknown import OpenObject, Unknown, find_unknown
from nephoscope_policy.azure_defaults import (
    BodySource,
    list_default_children,
    list_optional_children,
    load_type_defaults,
)
from nephoscope_policy.body_paths import Segments
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId

_DEPLOYMENTS = ("microsoft.resources/deployments", "microsoft.resources/deploymentscripts")
#: Extensions that nobody but a deployment makes: where it makes none, there is none.
_EXTENSIONS = frozenset(
    {
        "microsoft.authorization/locks",
        "microsoft.insights/diagnosticsettings",
        "microsoft.kubernetesconfiguration/extensions",
    }
)
#: Types of which what they belong to has one alone, whatever its name.
_ALONE = frozenset({"microsoft.security/securitycontacts"})
#: Names that Azure gives the only child of its kind, or the one that has the settings of its kind.
_SINGLE = frozenset({"current", "default", "web"})


class PlannedEstate(msgspec.Struct, frozen=True):
    """The estate, and by lower-cased id the planned resource behind each of its resources that a deployment makes.

    `derived` are the children that Azure makes with a resource: the key of that resource, and the path of its body that they show.
    `unplaced` are planned resources whose ids are none, with the reason: no policy judges them. `repeated` says which parts of bodies
    are children of their own. `implied` are the keys of parents that the deployment does not make, judged by what it gives them alone.
    """

    estate: Estate
    planned: Mapping[str, WrittenResource]
    derived: Mapping[str, tuple[str, Segments]]
    unplaced: Sequence[tuple[WrittenResource, str]] = ()
    repeated: RepeatedChildren = msgspec.field(default_factory=RepeatedChildren)
    implied: frozenset[str] = frozenset()

    def inline_place(self, key: str) -> tuple[str | int, ...]:
        """The path in its parent's body at which a child stands that is written there alone; () for every other resource."""
        path = tuple(one for one in self.derived.get(key, ("", ()))[1] if isinstance(one, str | int))
        numbers = [place for place, one in enumerate(path) if isinstance(one, int)]
        return path[: numbers[-1] + 1] if numbers else ()


def plan_estate(
    listed: Iterable[WrittenResource], unlisted: Mapping[str, str] = MappingProxyType({})
) -> PlannedEstate:
    """Build the estate of what one deployment makes; `unlisted` as an expansion has it.

    Children that Azure makes with a resource are in it with their defaults, where the deployment does not set them, and children that
    Azure shows in their parent's body stand there too, and so do the connections that private endpoints make. That it makes no other
    child says nothing, as another deployment may; diagnostic settings and locks that it does not make are not there.
    """
    planned: dict[str, WrittenResource] = {}
    resources: dict[str, Resource] = {}
    derived: dict[str, tuple[str, Segments]] = {}
    unplaced: list[tuple[WrittenResource, str]] = []
    everything = [*listed]
    unread = [
        *find_unread_deployments(everything),
        *(UnreadDeployment(scope, why) for scope, why in unlisted.items()),
    ]
    for one in everything:
        if one.type.lower() in _DEPLOYMENTS:
            continue
        try:
            resource = _build_resource(one)
        except ValueError as error:
            unplaced.append((one, f"{error}: give the resource a whole type and name"))
        else:
            planned[resource.key], resources[resource.key] = one, resource
    for parent in tuple(resources.values()):
        for child in list_default_children(parent.type, planned[parent.key].id, parent.body):
            made = _fill_defaults(child.body, Planning())
            if made.key not in resources:
                resources[made.key], derived[made.key] = made, (parent.key, child.source)
            else:
                own = resources[made.key]
                whole = _complete_child(own, made) if child.source else own
                resources[made.key] = join_conditional(whole, made)
    add_possible_siblings(resources, derived, (one for one, _ in unplaced), unread)
    apply_sign_in_settings(resources, planned)
    for target, connection, doubt in [*connect_endpoints(resources, unread[0].reason if unread else "")]:
        end = _fill_defaults(connection, Planning(condition=doubt))
        resources[end.key], derived[end.key] = end, (target, ("properties", CONNECTIONS.lower()))
    repeated = RepeatedChildren()
    repeated.add(resources)
    for inline in inline_children(resources):
        resources[inline.child.key], derived[inline.child.key] = inline.child, (inline.parent, inline.path)
    estate = Estate.of(resources.values(), _build_coverage(resources, _EXTENSIONS))
    return PlannedEstate(estate, planned, derived, unplaced, repeated)


def _build_coverage(resources: Mapping[str, Resource], extensions: frozenset[str]) -> Coverage:
    """Return what is known whole: of every resource the extensions, what nobody but a deployment makes below it, and what
    `list_known_children` says of its children."""
    claims = {key: {*extensions, *list_optional_children(one.type)} for key, one in resources.items()}
    for one in resources.values():
        if one.id.parent in claims:
            claims[one.id.parent] |= set(list_known_children(one))
    return Coverage({key: frozenset(types) for key, types in claims.items()}, declared=True)


def list_known_children(child: Resource) -> Iterator[str]:
    """Yield what is known whole of the children of a parent that has a child: the one of its name, or all of a kind
    that has one alone."""
    name = child.id.name
    yield f"{child.type}/{name}"
    if name in _SINGLE or child.type in _ALONE:
        yield child.type


def _build_resource(one: WrittenResource) -> Resource:
    """The resource of what is planned; raises ValueError where its id is none."""
    body: dict[str, object] = dict(one.body)
    if isinstance(one.api_version, str):
        body["apiVersion"] = one.api_version
    doubt = one.condition if isinstance(one.condition, Unknown) else one.repeated
    condition = (
        f"whether it is deployed is not known before the deployment: {doubt.reason}"
        if doubt is not None
        else ""
    )
    unnamed = body["id"] if isinstance(body["id"], Unknown) else None
    body |= {"id": one.id, "name": one.name.rpartition("/")[2]}
    return _fill_defaults(
        body, Planning(condition=condition, unnamed=unnamed.reason if unnamed else ""), one.partial_body
    )


def _complete_child(child: Resource, made: Resource) -> Resource:
    """A child that the deployment writes, with what it leaves to its parent's body and to Azure."""
    own, given = child.body.get("properties", {}), made.body.get("properties")
    if not isinstance(own, dict) or isinstance(own, OpenObject) or not isinstance(given, dict):
        return child
    named = {name.lower() for name in own}
    left = {name: value for name, value in given.items() if name.lower() not in named}
    both = OpenObject({**left, **own}, given.rest) if isinstance(given, OpenObject) else {**left, **own}
    return replace(child, body={**child.body, "properties": both})


def _fill_defaults(body: dict[str, object], planning: Planning, source: BodySource | None = None) -> Resource:
    """The resource of a body with the defaults of its type; what its source does not tell stays open."""
    identifier = ResourceId.parse(str(body["id"]))
    filled, absent = load_type_defaults(identifier.type).fill(body, source)
    known = find_unknown(filled) is None
    return Resource(
        identifier, filled, complete=known, planned=msgspec.structs.replace(planning, absent=absent)
    )
