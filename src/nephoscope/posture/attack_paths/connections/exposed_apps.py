"""Apps and containers whose public endpoint answers every address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.public_endpoint import SITE, find_endpoint_access, is_access_unrestricted
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.posture.attack_paths.exposure_connections import connect_internet

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

CONTAINER_APP, CONTAINER_GROUP = "microsoft.app/containerapps", "microsoft.containerinstance/containergroups"
REMEDY = "Take the public endpoint away or restrict it to known addresses."


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from the Internet to each app that answers it."""

    def connect_site(resource: Resource) -> None:
        stopped = str(require_complete(resource).get("state") or "").lower() == "stopped"
        if not stopped and find_endpoint_access(resource, facts.view) is EndpointAccess.EVERYBODY:
            connect_internet(facts, graph, resource, f"{resource.name} answers every address", REMEDY)

    def connect_container_app(resource: Resource) -> None:
        ingress = _read_object(_read_object(require_complete(resource).get("configuration")).get("ingress"))
        if ingress.get("external") is True and is_access_unrestricted(ingress.get("ipSecurityRestrictions")):
            connect_internet(
                facts, graph, resource, f"The ingress of {resource.name} answers every address", REMEDY
            )

    def connect_container_group(resource: Resource) -> None:
        if (
            str(_read_object(require_complete(resource).get("ipAddress")).get("type") or "").lower()
            == "public"
        ):
            connect_internet(facts, graph, resource, f"{resource.name} has a public address", REMEDY)

    for type_, look in (
        (SITE, connect_site),
        (CONTAINER_APP, connect_container_app),
        (CONTAINER_GROUP, connect_container_group),
    ):
        facts.visit_each(type_, "which apps the Internet reaches", look)


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
