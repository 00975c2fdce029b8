"""Prefixes that a virtual network reaches by its VPN or ExpressRoute gateway, or by that of a peer that lends it.

They are those of sites, of point-to-site clients, of networks that a connection leads to, and what the gateway learned by BGP. Azure
returns the last by an operation of the gateway, whose answer a snapshot has as a document of its own.
Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview,
https://learn.microsoft.com/rest/api/network-gateway/virtual-network-gateways/get-learned-routes
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import is_prefix
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

GATEWAY_TYPE = "microsoft.network/virtualnetworkgateways"
LOCAL_GATEWAY_TYPE = "microsoft.network/localnetworkgateways"
CONNECTION_TYPE = "microsoft.network/connections"
#: The answer of `getLearnedRoutes`, as `GATEWAY/learnedRoutes/default`.
LEARNED_ROUTES_TYPE = "microsoft.network/virtualnetworkgateways/learnedroutes"
READS = (GATEWAY_TYPE, LOCAL_GATEWAY_TYPE, CONNECTION_TYPE, LEARNED_ROUTES_TYPE)
#: Where a route comes from that a gateway learned of another one; `Network` are its own.
_LEARNED = ("ebgp", "ibgp")


class GatewayPrefixes(msgspec.Struct, frozen=True):
    """The prefixes behind a gateway (its lower-cased id), and what is not known of others."""

    gateway: str
    prefixes: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def list_gateway_prefixes(network: Resource, estate: AnalyzerEstate) -> Iterator[GatewayPrefixes]:
    """The prefixes behind each gateway that a network uses; raises DataNotCollectedError where a gateway was not read whole."""
    homes = {network.key}
    for entry in _list_objects(get_properties(network).get("virtualNetworkPeerings")):
        peering = _read_properties(entry)
        if peering.get("useRemoteGateways") is True:
            homes.add(get_reference(peering.get("remoteVirtualNetwork")))
    for gateway in estate.list_of_type(GATEWAY_TYPE):
        if find_networks_of_gateway(gateway) & homes:
            yield _read_gateway(gateway, estate)


def find_networks_of_gateway(gateway: Resource) -> set[str]:
    """Return the lower-cased ids of the networks that a gateway is in."""
    entries = _list_objects(get_properties(gateway).get("ipConfigurations"))
    subnets = (get_reference(_read_properties(entry).get("subnet")) for entry in entries)
    return {subnet.split("/subnets/")[0] for subnet in subnets if subnet}


def _read_gateway(gateway: Resource, estate: AnalyzerEstate) -> GatewayPrefixes:
    body = require_complete(gateway)
    clients = _read_object(body.get("vpnClientConfiguration")).get("vpnClientAddressPool")
    prefixes, unknown = read_prefixes(clients), list[str]()
    if str(body.get("gatewayType", "")).lower() == "expressroute" or body.get("enableBgp") is True:
        learned = estate.resources.get(f"{gateway.key}/learnedroutes/default")
        if learned is None or not learned.complete:
            unknown.append(f"the routes that {gateway.key} learned by BGP")
        else:
            prefixes += _read_learned_routes(learned)
    for connection in estate.list_of_type(CONNECTION_TYPE):
        properties = get_properties(connection)
        if get_reference(properties.get("virtualNetworkGateway1")) != gateway.key:
            continue
        if far := get_reference(properties.get("localNetworkGateway2")):
            site = estate.resources.get(far)
            if site is None:
                unknown.append(far)
            else:
                prefixes += read_prefixes(get_properties(site).get("localNetworkAddressSpace"))
        elif other := get_reference(properties.get("virtualNetworkGateway2")):
            spaces, missing = _read_spaces_behind(other, estate)
            prefixes, unknown = prefixes + spaces, unknown + missing
    return GatewayPrefixes(gateway.key, tuple(prefixes), tuple(unknown))


def _read_learned_routes(learned: Resource) -> list[str]:
    """The prefixes of routes that were learned of another gateway."""
    listed = _list_objects(get_properties(learned).get("value"))
    found = (str(one.get("network") or "") for one in listed if str(one.get("origin")).lower() in _LEARNED)
    return [text for text in found if is_prefix(text)]


def _read_spaces_behind(gateway: str, estate: AnalyzerEstate) -> tuple[list[str], list[str]]:
    """The address spaces of the networks of a gateway, by its lower-cased id, and the ids of what was not read."""
    far = estate.resources.get(gateway)
    if far is None:
        return [], [gateway]
    prefixes, missing = list[str](), list[str]()
    for key in sorted(find_networks_of_gateway(far)):
        network = estate.resources.get(key)
        if network is None:
            missing.append(key)
        else:
            prefixes += read_prefixes(get_properties(network).get("addressSpace"))
    return prefixes, missing


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_properties(entry: dict[str, object]) -> dict[str, object]:
    """The `properties` object of a child, {} where it has none."""
    found = entry.get("properties")
    return found if isinstance(found, dict) else {}


def read_prefixes(space: object) -> list[str]:
    """The prefixes of an address space."""
    listed = space.get("addressPrefixes") if isinstance(space, dict) else None
    return [text for text in _list_items(listed) if isinstance(text, str) and is_prefix(text)]


def _list_objects(value: object) -> list[dict[str, object]]:
    return [entry for entry in _list_items(value) if isinstance(entry, dict)]


def _list_items(value: object) -> list[object]:
    return value if isinstance(value, list) else []
