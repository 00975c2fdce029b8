"""Databases whose firewall lets the Internet at large in, and which of them take passwords or keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from nephoscope.analyze.verdict import listing
from nephoscope.estate.addresses import PUBLIC, AddressSet, is_prefix, size
from nephoscope.estate.holdings import known, properties
from nephoscope.estate.interfaces import Interface, IpConfiguration
from nephoscope.estate.ways_in import is_broad, is_broad_set
from nephoscope.posture.attack_paths.entity import Insight, InsightKind
from nephoscope.posture.attack_paths.exposing import expose

if TYPE_CHECKING:
    from nephoscope.model.resource import Resource
    from nephoscope.posture.attack_paths.facts import Facts
    from nephoscope.posture.attack_paths.graph import Graph

SQL_SERVER, MANAGED_INSTANCE, COSMOS = (
    "microsoft.sql/servers",
    "microsoft.sql/managedinstances",
    "microsoft.documentdb/databaseaccounts",
)
#: Servers that have firewall rules as children.
FIREWALLED = (
    SQL_SERVER,
    "microsoft.dbforpostgresql/servers",
    "microsoft.dbforpostgresql/flexibleservers",
    "microsoft.dbformysql/servers",
    "microsoft.dbformysql/flexibleservers",
    "microsoft.dbformariadb/servers",
)
#: The public endpoint of a managed instance answers here.
INSTANCE_PORT = 3342
REMEDY = "Take the public endpoint away, or let only known addresses through the firewall."
ENTRA_ONLY = tuple(f"{type_}/azureadonlyauthentications" for type_ in (SQL_SERVER, MANAGED_INSTANCE))
Judge = Callable[["Facts", "Resource"], str]


def connect(facts: Facts, graph: Graph) -> None:
    """A connection from the Internet to each database that it reaches."""
    judges: dict[str, Judge] = dict.fromkeys(FIREWALLED, _by_firewall)
    judges |= {MANAGED_INSTANCE: _by_endpoint, COSMOS: _by_filter}
    for type_, judge in judges.items():

        def look(resource: Resource, judge: Judge = judge) -> None:
            if why := judge(facts, resource):
                found = expose(facts, graph, resource, why, REMEDY)
                if _takes_passwords(facts, resource):
                    text = f"{resource.name} lets in whoever knows a password or key"
                    graph.know(found, Insight(InsightKind.PASSWORD_ACCESS, text))

        facts.each(type_, "which databases the Internet reaches", look)


def _by_firewall(facts: Facts, server: Resource) -> str:
    """Why a server with firewall rules is open, '' where it is not."""
    body = known(server)
    network = body.get("network")
    access = body.get("publicNetworkAccess") or (
        network.get("publicNetworkAccess") if isinstance(network, dict) else None
    )
    if str(access or "enabled").lower() == "disabled":
        return ""
    rules = f"{server.type}/firewallrules"
    facts.view.need(rules, server.id.subscription_id)
    wide = {rule.name: _range(properties(rule)) for rule in facts.view.children(rules, server.key)}
    whole = reduce(or_, wide.values(), AddressSet())
    if not is_broad_set(whole):
        return ""
    named = listing(sorted(wide, key=lambda name: (-size(wide[name].v4), name)), 2)
    return f"The firewall rules of {server.name} let the Internet in: {named}"


def _range(rule: dict[str, object]) -> AddressSet:
    """The addresses of a firewall rule; none where it names none."""
    text = f"{rule.get('startIpAddress')}-{rule.get('endIpAddress')}"
    return AddressSet.of([text]) if is_prefix(text) else AddressSet()


def _by_endpoint(facts: Facts, instance: Resource) -> str:
    """Why the public endpoint of a managed instance is reached, '' where it is not."""
    body = known(instance)
    if body.get("publicDataEndpointEnabled") is not True:
        return ""
    place = IpConfiguration(instance.key, str(body.get("subnetId") or "").lower(), AddressSet())
    card = Interface(instance.key, "", forwards=False, configurations=(place,))
    remote = facts.view.network.internet(place) & PUBLIC
    openings = facts.view.network.openings(card, place, "tcp", remote, ((INSTANCE_PORT, INSTANCE_PORT),))
    return (
        f"The public endpoint of {instance.name} answers the Internet at TCP {INSTANCE_PORT}"
        if is_broad(openings, INSTANCE_PORT)
        else ""
    )


def _by_filter(facts: Facts, account: Resource) -> str:  # noqa: ARG001 - a judge's signature
    """Why a Cosmos DB account answers everybody, '' where it does not."""
    body = known(account)
    filtered = body.get("ipRules") or body.get("isVirtualNetworkFilterEnabled") is True
    closed = str(body.get("publicNetworkAccess") or "enabled").lower() in ("disabled", "securedbyperimeter")
    return "" if filtered or closed else f"{account.name} answers every network"


def _takes_passwords(facts: Facts, resource: Resource) -> bool:
    """Whether sign-ins other than those of Entra ID are let in."""
    body = known(resource)
    if resource.type == COSMOS:
        return body.get("disableLocalAuth") is not True
    authentication: Any = body.get("authConfig")
    if isinstance(authentication, dict):
        return str(authentication.get("passwordAuth") or "enabled").lower() != "disabled"
    administrators: Any = body.get("administrators")
    if isinstance(administrators, dict) and administrators.get("azureADOnlyAuthentication") is True:
        return False
    return not any(
        properties(child).get("azureADOnlyAuthentication") is True
        for type_ in ENTRA_ONLY
        for child in facts.view.children(type_, resource.key)
    )
