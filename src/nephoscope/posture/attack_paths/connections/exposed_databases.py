"""Databases whose firewall lets the Internet at large in, and which of them take passwords or keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from nephoscope.analyze.verdict import join_names
from nephoscope.estate.addresses import PUBLIC, AddressSet, count_addresses
from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.ingress_paths import is_broad, is_broad_set
from nephoscope.estate.network_interfaces import Interface, IpConfiguration
from nephoscope.estate.public_endpoint import (
    COSMOS,
    FIREWALLED,
    find_endpoint_access,
    is_public_access_closed,
    map_firewall_ranges,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.posture.attack_paths.entity import Insight, InsightKind
from nephoscope.posture.attack_paths.exposure_connections import connect_internet
from nephoscope.posture.attack_paths.type_names import MANAGED_INSTANCE

if TYPE_CHECKING:
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts
    from nephoscope_policy.model.resource import Resource

SQL_SERVER = "microsoft.sql/servers"
#: The public endpoint of a managed instance answers here.
INSTANCE_PORT = 3342
REMEDY = "Take the public endpoint away, or let only known addresses through the firewall."
ENTRA_ONLY = tuple(f"{type_}/azureadonlyauthentications" for type_ in (SQL_SERVER, MANAGED_INSTANCE))
Judge = Callable[["GraphFacts", "Resource"], str]


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """A connection from the Internet to each database that it reaches."""
    judges: dict[str, Judge] = dict.fromkeys(FIREWALLED, _explain_firewall)
    judges |= {MANAGED_INSTANCE: _explain_endpoint, COSMOS: _explain_filter}
    for type_, assess in judges.items():

        def look(resource: Resource, assess: Judge = assess) -> None:
            if why := assess(facts, resource):
                found = connect_internet(facts, graph, resource, why, REMEDY)
                if _allows_passwords(facts, resource):
                    text = f"{resource.name} lets in whoever knows a password or key"
                    graph.add_insight(found, Insight(InsightKind.PASSWORD_ACCESS, text))

        facts.visit_each(type_, "which databases the Internet reaches", look)


def _explain_firewall(facts: GraphFacts, server: Resource) -> str:
    """Explain why a server with firewall rules is open, '' where it is not."""
    if is_public_access_closed(server):
        return ""
    wide = map_firewall_ranges(server, facts.view)
    whole = reduce(or_, wide.values(), AddressSet())
    if not is_broad_set(whole):
        return ""
    named = join_names(sorted(wide, key=lambda name: (-count_addresses(wide[name].v4), name)), 2)
    return f"The firewall rules of {server.name} let the Internet in: {named}"


def _explain_endpoint(facts: GraphFacts, instance: Resource) -> str:
    """Explain why the public endpoint of a managed instance is reached, '' where it is not."""
    body = require_complete(instance)
    if body.get("publicDataEndpointEnabled") is not True:
        return ""
    place = IpConfiguration(instance.key, str(body.get("subnetId") or "").lower(), AddressSet())
    card = Interface(instance.key, "", forwards=False, configurations=(place,))
    remote = facts.view.network.find_internet_addresses(place) & PUBLIC
    openings = facts.view.network.find_openings(card, place, "tcp", remote, ((INSTANCE_PORT, INSTANCE_PORT),))
    return (
        f"The public endpoint of {instance.name} answers the Internet at TCP {INSTANCE_PORT}"
        if is_broad(openings, INSTANCE_PORT)
        else ""
    )


def _explain_filter(facts: GraphFacts, account: Resource) -> str:
    """Explain why a Cosmos DB account answers everybody, '' where it does not."""
    found = find_endpoint_access(account, facts.view)
    return f"{account.name} answers every network" if found is EndpointAccess.EVERYBODY else ""


def _allows_passwords(facts: GraphFacts, resource: Resource) -> bool:
    """Return whether sign-ins other than those of Entra ID are let in."""
    body = require_complete(resource)
    if resource.type == COSMOS:
        return body.get("disableLocalAuth") is not True
    authentication: object = body.get("authConfig")
    if isinstance(authentication, dict):
        return str(authentication.get("passwordAuth") or "enabled").lower() != "disabled"
    administrators: object = body.get("administrators")
    if isinstance(administrators, dict) and administrators.get("azureADOnlyAuthentication") is True:
        return False
    return not any(
        get_properties(child).get("azureADOnlyAuthentication") is True
        for type_ in ENTRA_ONLY
        for child in facts.view.list_children(type_, resource.key)
    )
