"""Managed identities of what runs code: whoever holds a machine, an app or a cluster may sign in as them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE
from nephoscope.estate.public_endpoint import CLUSTER, SITE
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.posture.attack_paths.connections.exposed_apps import CONTAINER_APP, CONTAINER_GROUP
from nephoscope.posture.attack_paths.entity import IDENTITY_TYPE, Connection, ConnectionKind, GraphEntity

if TYPE_CHECKING:
    from nephoscope.estate.estate_view import EstateView
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

MACHINES = (MACHINE_TYPE, SCALE_SET_TYPE, "microsoft.hybridcompute/machines")
RUNNING = (*MACHINES, SITE, CONTAINER_APP, CONTAINER_GROUP, CLUSTER)
ASSIGNED = "microsoft.managedidentity/userassignedidentities"


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from each of them to each of its identities."""
    for type_ in RUNNING:
        for resource in facts.view.list_resources(type_):
            for identity in list_managed_identities(facts.view, resource):
                entity = facts.add_entity(graph, resource)
                graph.add(identity)
                why = f"Code on {resource.name} gets tokens of {identity.name} without a password"
                remedy = f"Take the identity {identity.name} from {resource.name} where it needs none."
                graph.connect(
                    Connection(entity.id, identity.id, ConnectionKind.AUTHENTICATES_AS, why, remedy)
                )


def list_managed_identities(view: EstateView, resource: Resource) -> Iterator[GraphEntity]:
    """The managed identities of a resource that have a principal."""
    body: object = resource.body.get("identity")
    identity = body if isinstance(body, dict) else {}
    if principal := _lower_text(identity.get("principalId")):
        spelled = str(resource.body.get("id") or resource.key)
        yield GraphEntity(principal, IDENTITY_TYPE, f"{resource.name} (system-assigned)", spelled)
    several: object = identity.get("userAssignedIdentities")
    for id_, assigned in several.items() if isinstance(several, dict) else ():
        yield from _list_assigned_identities(view, str(id_), assigned)
    if resource.type == CLUSTER:
        yield from _list_kubelet_identity(view, resource)


def _list_assigned_identities(view: EstateView, id_: str, identity: object) -> Iterator[GraphEntity]:
    known = view.estate.resources.get(id_.lower())
    principal = _lower_text(identity.get("principalId") if isinstance(identity, dict) else None)
    principal = principal or (_lower_text(get_properties(known).get("principalId")) if known else "")
    if principal:
        yield GraphEntity(principal, IDENTITY_TYPE, known.name if known else id_.rsplit("/", 1)[-1], id_)


def _list_kubelet_identity(view: EstateView, cluster: Resource) -> Iterator[GraphEntity]:
    """The identity with which nodes pull images, where a cluster tells it."""
    profile: object = get_properties(cluster).get("identityProfile")
    identity = profile.get("kubeletidentity") if isinstance(profile, dict) else None
    if isinstance(identity, dict) and identity.get("resourceId"):
        yield from _list_assigned_identities(
            view, str(identity["resourceId"]), {"principalId": identity.get("objectId")}
        )


def _lower_text(value: object) -> str:
    return value.lower() if isinstance(value, str) else ""
