"""Apps and containers whose public endpoint answers every address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nephoscope.estate.holdings import known
from nephoscope.posture.attack_paths.exposing import expose

if TYPE_CHECKING:
    from nephoscope.model.resource import Resource
    from nephoscope.posture.attack_paths.facts import Facts
    from nephoscope.posture.attack_paths.graph import Graph

SITE, CONTAINER_APP, CONTAINER_GROUP = (
    "microsoft.web/sites",
    "microsoft.app/containerapps",
    "microsoft.containerinstance/containergroups",
)
SITE_CONFIG = "microsoft.web/sites/config"
REMEDY = "Take the public endpoint away or restrict it to known addresses."


def connect(facts: Facts, graph: Graph) -> None:
    """A connection from the Internet to each app that answers it."""

    def site(resource: Resource) -> None:
        body = known(resource)
        closed = str(body.get("publicNetworkAccess") or "").lower() == "disabled"
        stopped = str(body.get("state") or "").lower() == "stopped"
        if not closed and not stopped and _unrestricted(_restrictions(facts, resource, body)):
            expose(facts, graph, resource, f"{resource.name} answers every address", REMEDY)

    def container_app(resource: Resource) -> None:
        ingress = _object(_object(known(resource).get("configuration")).get("ingress"))
        if ingress.get("external") is True and _unrestricted(ingress.get("ipSecurityRestrictions")):
            expose(facts, graph, resource, f"The ingress of {resource.name} answers every address", REMEDY)

    def container_group(resource: Resource) -> None:
        if str(_object(known(resource).get("ipAddress")).get("type") or "").lower() == "public":
            expose(facts, graph, resource, f"{resource.name} has a public address", REMEDY)

    for type_, look in ((SITE, site), (CONTAINER_APP, container_app), (CONTAINER_GROUP, container_group)):
        facts.each(type_, "which apps the Internet reaches", look)


def _restrictions(facts: Facts, resource: Resource, body: dict[str, Any]) -> Any:
    """The access restrictions, from the site's configuration where that was read, else from the site itself."""
    for child in facts.view.children(SITE_CONFIG, resource.key):
        if child.id.name == "web":
            return known(child).get("ipSecurityRestrictions")
    return _object(body.get("siteConfig")).get("ipSecurityRestrictions")


def _unrestricted(restrictions: Any) -> bool:
    """Whether access restrictions let every address in: there are none, or the first that is about all allows."""
    if not isinstance(restrictions, list) or not restrictions:
        return True
    ordered = sorted((_object(one) for one in restrictions), key=_priority)
    for one in ordered:
        if str(one.get("ipAddress") or one.get("ipAddressRange") or "").lower() in ("any", "0.0.0.0/0"):
            return str(one.get("action") or "allow").lower() == "allow"
    return False


def _priority(restriction: dict[str, Any]) -> int:
    found = restriction.get("priority")
    return found if isinstance(found, int) else 2**31


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
