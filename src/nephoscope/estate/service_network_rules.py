"""Network rules of platform services that have a form of their own: whom each lets in from the Internet.

Source: the network security page of each service under https://learn.microsoft.com/azure/, and its bodies under
https://learn.microsoft.com/azure/templates/
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.endpoint_access import (
    EndpointAccess,
    assess_addresses,
    read_allowed_addresses,
    read_object,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope.estate.estate_view import EstateView
    from nephoscope_policy.model.resource import Resource

#: Namespaces of messaging, whose rules are a child of the name `default`.
NAMESPACES = (
    "microsoft.eventhub/namespaces",
    "microsoft.servicebus/namespaces",
    "microsoft.relay/namespaces",
)
REDIS, SYNAPSE = "microsoft.cache/redis", "microsoft.synapse/workspaces"
CONTAINER_APP, ENVIRONMENT = "microsoft.app/containerapps", "microsoft.app/managedenvironments"
CONTAINER_GROUP = "microsoft.containerinstance/containergroups"
API_MANAGEMENT = "microsoft.apimanagement/service"
DISKS = ("microsoft.compute/disks", "microsoft.compute/snapshots")
#: States of a disk that has a link. Source: https://learn.microsoft.com/rest/api/compute/disks/get#diskstate
_LINK_STATES = frozenset({"activesas", "activesasfrozen", "activeupload"})
#: Children that decide; a service is Unknown where they were not read.
CHILDREN = {
    **{one: f"{one}/networkrulesets" for one in NAMESPACES},
    REDIS: f"{REDIS}/firewallrules",
    SYNAPSE: f"{SYNAPSE}/firewallrules",
}
#: What decides beside the services themselves.
READS = (*CHILDREN.values(), ENVIRONMENT)
_SIGNALR_REQUESTS = frozenset({"serverconnection", "clientconnection", "restapi", "trace"})


def read_firewall_range(rule: dict[str, object]) -> AddressSet:
    """Return the addresses of a firewall rule; none where it names none."""
    low, high = (
        rule.get("startIpAddress") or rule.get("startIP"),
        rule.get("endIpAddress") or rule.get("endIP"),
    )
    text = f"{low}-{high}"
    return AddressSet.of([text]) if is_prefix(text) else AddressSet()


def _assess_namespace(namespace: Resource, _: dict[str, object], view: EstateView) -> EndpointAccess:
    """By the rule set of the name `default`; a namespace without one answers everybody."""
    type_ = CHILDREN[namespace.type]
    view.require_collected(type_, namespace.key)
    found = next((one for one in view.list_children(type_, namespace.key) if one.id.name == "default"), None)
    if found is None:
        return EndpointAccess.EVERYBODY
    rules = require_complete(found)
    if str(rules.get("publicNetworkAccess") or "").lower() in ("disabled", "securedbyperimeter"):
        return EndpointAccess.NOBODY
    return assess_rule_set(rules, "ipMask")


def assess_rule_set(rules: dict[str, object], *names: str) -> EndpointAccess:
    """Return whom a rule set with `defaultAction`, `ipRules` and `virtualNetworkRules` lets in; without a default by its lists."""
    default, listed = str(rules.get("defaultAction") or "").lower(), rules.get("ipRules")
    networks = bool(rules.get("virtualNetworkRules"))
    if default == "allow" or (not default and not listed and not networks):
        return EndpointAccess.EVERYBODY
    return assess_addresses(read_allowed_addresses(listed, *names), others=networks)


def _assess_redis(cache: Resource, body: dict[str, object], view: EstateView) -> EndpointAccess:
    """A cache in a subnet has no public endpoint; without firewall rules everybody is answered."""
    if body.get("subnetId"):
        return EndpointAccess.NOBODY
    type_ = CHILDREN[REDIS]
    view.require_collected(type_, cache.key)
    rules = view.list_children(type_, cache.key)
    ranges = reduce(or_, (read_firewall_range(get_properties(one)) for one in rules), AddressSet())
    return assess_addresses(ranges) if rules else EndpointAccess.EVERYBODY


def _assess_synapse(workspace: Resource, _: dict[str, object], view: EstateView) -> EndpointAccess:
    """Only the ranges of firewall rules are answered."""
    type_ = CHILDREN[SYNAPSE]
    view.require_collected(type_, workspace.key)
    ranges = (read_firewall_range(get_properties(one)) for one in view.list_children(type_, workspace.key))
    return assess_addresses(reduce(or_, ranges, AddressSet()))


def _assess_kusto(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    listed = body.get("allowedIpRangeList")
    return assess_addresses(read_allowed_addresses(listed)) if listed else EndpointAccess.EVERYBODY


def _assess_event_grid(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    listed = body.get("inboundIpRules")
    return assess_addresses(read_allowed_addresses(listed, "ipMask")) if listed else EndpointAccess.EVERYBODY


def _assess_iot_hub(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    """By its rule set; else by its IP filter, of whose rules the first that is about an address decides, the last is Accept."""
    rules = read_object(body.get("networkRuleSets"))
    if rules:
        return assess_rule_set(rules, "ipMask")
    allowed = AddressSet()
    listed = body.get("ipFilterRules")
    for one in listed if isinstance(listed, list) else ():
        rule = read_object(one)
        mask = str(rule.get("ipMask") or "")
        if str(rule.get("action") or "").lower() == "accept":
            allowed |= read_allowed_addresses([rule], "ipMask")
        elif is_prefix(mask) and mask.endswith("/0"):
            return assess_addresses(allowed)
    return EndpointAccess.EVERYBODY


def _assess_signalr(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    """By the kinds of requests that the public network may make: none of them is nobody."""
    rules = read_object(body.get("networkACLs"))
    if not rules:
        return EndpointAccess.EVERYBODY
    public = read_object(rules.get("publicNetwork"))
    allowed, denied = (
        {str(one).lower() for one in listed} if isinstance(listed := public.get(name), list) else set()
        for name in ("allow", "deny")
    )
    left = allowed if str(rules.get("defaultAction") or "").lower() == "deny" else _SIGNALR_REQUESTS - denied
    return EndpointAccess.EVERYBODY if left else EndpointAccess.NOBODY


def _assess_batch(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    rules = read_object(read_object(body.get("networkProfile")).get("accountAccess"))
    return assess_rule_set(rules, "value")


def _assess_api_management(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    is_internal = str(body.get("virtualNetworkType") or "").lower() == "internal"
    return EndpointAccess.NOBODY if is_internal else EndpointAccess.EVERYBODY


def _assess_container_app(app: Resource, body: dict[str, object], view: EstateView) -> EndpointAccess:
    """By its ingress, its restrictions, and whether its environment has an address of the Internet."""
    ingress = read_object(read_object(body.get("configuration")).get("ingress"))
    if ingress.get("external") is not True:
        return EndpointAccess.NOBODY
    key = str(body.get("environmentId") or body.get("managedEnvironmentId") or "").lower()
    environment = view.estate.resources.get(key)
    if environment is None:
        raise DataNotCollectedError(key or f"the environment of {app.key}")
    properties = require_complete(environment)
    is_internal = read_object(properties.get("vnetConfiguration")).get("internal") is True
    if is_internal or str(properties.get("publicNetworkAccess") or "").lower() == "disabled":
        return EndpointAccess.NOBODY
    rules = ingress.get("ipSecurityRestrictions")
    allowed = read_allowed_addresses(rules, "ipAddressRange")
    # all rules of an app have one action: rules that deny leave everybody else
    return assess_addresses(allowed) if allowed else EndpointAccess.EVERYBODY


def _assess_container_group(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    address = read_object(body.get("ipAddress"))
    is_public = str(address.get("type") or "").lower() == "public"
    return EndpointAccess.EVERYBODY if is_public else EndpointAccess.NOBODY


def _assess_storage_sync(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess:
    policy = str(body.get("incomingTrafficPolicy") or "").lower()
    return EndpointAccess.NOBODY if policy == "allowvirtualnetworksonly" else EndpointAccess.EVERYBODY


def _assess_disk(_: Resource, body: dict[str, object], __: EstateView) -> EndpointAccess | None:
    """By its export or import link (a SAS): without an active one a disk has no endpoint, whatever its network settings allow."""
    if is_export_denied(body):
        return EndpointAccess.NOBODY
    state = body.get("diskState")
    if not isinstance(state, str):
        return None
    return EndpointAccess.EVERYBODY if state.lower() in _LINK_STATES else EndpointAccess.NOBODY


def is_export_denied(disk: dict[str, object]) -> bool:
    """Return whether the network access policy of a disk or snapshot keeps its links from the Internet."""
    return str(disk.get("networkAccessPolicy") or "").lower() in ("denyall", "allowprivate")


JUDGES: dict[str, Callable[[Resource, dict[str, object], EstateView], EndpointAccess | None]] = {
    **dict.fromkeys(NAMESPACES, _assess_namespace),
    REDIS: _assess_redis,
    SYNAPSE: _assess_synapse,
    "microsoft.kusto/clusters": _assess_kusto,
    **dict.fromkeys(
        (
            "microsoft.eventgrid/topics",
            "microsoft.eventgrid/domains",
            "microsoft.eventgrid/namespaces",
            "microsoft.eventgrid/partnernamespaces",
        ),
        _assess_event_grid,
    ),
    "microsoft.devices/iothubs": _assess_iot_hub,
    "microsoft.devices/provisioningservices": _assess_iot_hub,
    "microsoft.signalrservice/signalr": _assess_signalr,
    "microsoft.signalrservice/webpubsub": _assess_signalr,
    "microsoft.batch/batchaccounts": _assess_batch,
    API_MANAGEMENT: _assess_api_management,
    CONTAINER_APP: _assess_container_app,
    CONTAINER_GROUP: _assess_container_group,
    "microsoft.storagesync/storagesyncservices": _assess_storage_sync,
    **dict.fromkeys(DISKS, _assess_disk),
}
