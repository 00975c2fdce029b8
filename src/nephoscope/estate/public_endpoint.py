"""Public endpoint of a platform service: closed, restricted to listed networks, or open to all.

Source: the network security page of each service under https://learn.microsoft.com/azure/
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.endpoint_access import EndpointAccess, assess_addresses
from nephoscope.estate.endpoint_access import read_object as _read_object
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.service_network_rules import CHILDREN, JUDGES, read_firewall_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.resource import Resource

CLUSTER = "microsoft.containerservice/managedclusters"
COSMOS = "microsoft.documentdb/databaseaccounts"
SITE, SITE_CONFIG = "microsoft.web/sites", "microsoft.web/sites/config"
#: Services that have firewall rules as children.
FIREWALLED = (
    "microsoft.sql/servers",
    "microsoft.dbforpostgresql/servers",
    "microsoft.dbforpostgresql/flexibleservers",
    "microsoft.dbformysql/servers",
    "microsoft.dbformysql/flexibleservers",
    "microsoft.dbformariadb/servers",
)
#: Servers that say it in their `network`.
_FLEXIBLE = frozenset(one for one in FIREWALLED if one.endswith("/flexibleservers"))
_EVERYWHERE = frozenset({"0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"})
_ANYWHERE = frozenset({"any", "0.0.0.0/0"})
#: Rules of an endpoint, which are none themselves.
_RULE_TYPES = frozenset(CHILDREN.values())


def find_endpoint_access(resource: Resource, view: EstateView) -> EndpointAccess | None:
    """Whom a resource's public endpoint answers, None where its body tells nothing of that.

    Raises NotCollected where its body, or the rules that it has as children, were not read.
    """
    if resource.type in _RULE_TYPES:
        return None
    body = require_complete(resource)
    if is_public_access_closed(resource):
        return EndpointAccess.NOBODY
    return _BY_TYPE.get(resource.type, _assess_rule_set)(resource, body, view)


def is_public_access_closed(resource: Resource) -> bool:
    """Return whether a resource says that public networks are not answered; raises DataNotCollectedError without its body."""
    body = require_complete(resource)
    word = body.get("publicNetworkAccess")
    if not word and resource.type in _FLEXIBLE:
        word = _read_object(body.get("network")).get("publicNetworkAccess")
    return str(word or "").lower() in ("disabled", "securedbyperimeter")


def map_firewall_ranges(server: Resource, view: EstateView) -> dict[str, AddressSet]:
    """The addresses of each firewall rule of a server, by the rule's name; raises NotCollected."""
    rules = f"{server.type}/firewallrules"
    view.require_collected(rules, server.key)
    return {
        rule.name: read_firewall_range(get_properties(rule)) for rule in view.list_children(rules, server.key)
    }


def find_access_restrictions(site: Resource, view: EstateView) -> tuple[object, str]:
    """A site's access restrictions and what befalls who is in none: of its configuration where that was read, else its own."""
    config = next((one for one in view.list_children(SITE_CONFIG, site.key) if one.id.name == "web"), None)
    body = (
        require_complete(config)
        if config is not None
        else _read_object(require_complete(site).get("siteConfig"))
    )
    return body.get("ipSecurityRestrictions"), str(body.get("ipSecurityRestrictionsDefaultAction") or "")


def is_access_unrestricted(found: object, otherwise: str = "") -> bool:
    """Return whether access restrictions let every address in: the first that is about all allows, or none is and `otherwise` does.

    `otherwise` is the default action; '' allows where there are no restrictions, and denies where there are some.
    """
    several = [_read_object(one) for one in found] if isinstance(found, list) else []
    for one in sorted(several, key=_read_priority):
        if str(one.get("ipAddress") or one.get("ipAddressRange") or "").lower() in _ANYWHERE:
            return str(one.get("action") or "allow").lower() == "allow"
    return otherwise.lower() == "allow" if otherwise else not several


def _assess_firewall(server: Resource, _: dict[str, object], view: EstateView) -> EndpointAccess:
    ranges = reduce(or_, map_firewall_ranges(server, view).values(), AddressSet())
    return assess_addresses(ranges, others=_may_list_networks(server, view))


def _may_list_networks(server: Resource, view: EstateView) -> bool:
    """Return whether rules of virtual networks let somebody in to a server, or were not read; flexible servers have none."""
    rules = f"{server.type}/virtualnetworkrules"
    if server.type in _FLEXIBLE:
        return False
    return bool(view.list_children(rules, server.key)) or not view.covers(rules, server.key)


def _assess_cluster(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    profile = _read_object(body.get("apiServerAccessProfile"))
    if profile.get("enablePrivateCluster") is True:
        return EndpointAccess.NOBODY
    ranges = profile.get("authorizedIPRanges")
    listed = {str(one) for one in ranges} if isinstance(ranges, list) else set()
    return (
        EndpointAccess.EVERYBODY
        if not listed or not listed.isdisjoint(_EVERYWHERE)
        else EndpointAccess.LISTED
    )


def _assess_cosmos_account(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    if body.get("ipRules"):
        return EndpointAccess.LISTED
    if body.get("isVirtualNetworkFilterEnabled") is not True:
        return EndpointAccess.EVERYBODY
    return EndpointAccess.LISTED if body.get("virtualNetworkRules") else EndpointAccess.NOBODY


def _assess_site(site: Resource, _: dict[str, object], view: EstateView) -> EndpointAccess:
    return (
        EndpointAccess.EVERYBODY
        if is_access_unrestricted(*find_access_restrictions(site, view))
        else EndpointAccess.LISTED
    )


def _assess_rule_set(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess | None:
    """By the default of the network rules in the body; a service that has none answers whom publicNetworkAccess says.

    A default of Deny with empty lists answers nobody: trusted services and resource instances are no networks.
    """
    rules = _read_object(body.get("networkAcls")) or _read_object(body.get("networkRuleSet"))
    default = str(rules.get("defaultAction") or "").lower()
    listed = rules.get("ipRules") or body.get("ipRules")
    if default == "deny":
        listed = listed or rules.get("virtualNetworkRules")
        return EndpointAccess.LISTED if listed else EndpointAccess.NOBODY
    if not default and listed:
        return EndpointAccess.LISTED
    return EndpointAccess.EVERYBODY if default or isinstance(body.get("publicNetworkAccess"), str) else None


def _read_priority(restriction: dict[str, object]) -> int:
    found = restriction.get("priority")
    return found if isinstance(found, int) else 2**31


_BY_TYPE: dict[str, Callable[[Resource, dict[str, object], EstateView], EndpointAccess | None]] = {
    **JUDGES,
    **dict.fromkeys(FIREWALLED, _assess_firewall),
    CLUSTER: _assess_cluster,
    COSMOS: _assess_cosmos_account,
    SITE: _assess_site,
}
#: Types that are judged by rules of their own; others by `publicNetworkAccess` and rule sets in their bodies.
JUDGED = frozenset(_BY_TYPE)
