"""Prefixes on premises that a virtual network reaches by its VPN gateway, or by that of a peer that lends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import is_prefix
from nephoscope.estate.network_interfaces import reference
from nephoscope.estate.resource_lookup import properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

GATEWAY_TYPE = "microsoft.network/virtualnetworkgateways"
LOCAL_GATEWAY_TYPE = "microsoft.network/localnetworkgateways"
CONNECTION_TYPE = "microsoft.network/connections"
READS = (GATEWAY_TYPE, LOCAL_GATEWAY_TYPE, CONNECTION_TYPE)


class GatewayPrefixes(msgspec.Struct, frozen=True):
    """The static prefixes behind a gateway (its lower-cased id), and what is not known of others."""

    gateway: str
    prefixes: tuple[str, ...]
    unknown: tuple[str, ...] = ()


def list_gateway_prefixes(network: Resource, estate: AnalyzerEstate) -> Iterator[GatewayPrefixes]:
    """The prefixes behind each gateway that a network uses; raises DataNotCollectedError where a gateway was not read whole."""
    homes = {network.key}
    for entry in _list_objects(properties(network).get("virtualNetworkPeerings")):
        peering = _read_properties(entry)
        if peering.get("useRemoteGateways") is True:
            homes.add(reference(peering.get("remoteVirtualNetwork")))
    for gateway in estate.by_type(GATEWAY_TYPE):
        entries = _list_objects(properties(gateway).get("ipConfigurations"))
        subnets = (reference(_read_properties(entry).get("subnet")) for entry in entries)
        if any(subnet.split("/subnets/")[0] in homes for subnet in subnets):
            yield _read_gateway(gateway, estate)


def _read_gateway(gateway: Resource, estate: AnalyzerEstate) -> GatewayPrefixes:
    body = require_complete(gateway)
    prefixes: list[str] = []
    unknown: list[str] = []
    if str(body.get("gatewayType", "")).lower() == "expressroute" or body.get("enableBgp") is True:
        unknown.append(f"the routes that {gateway.key} learned by BGP")
    for connection in estate.by_type(CONNECTION_TYPE):
        told = properties(connection)
        far = reference(told.get("localNetworkGateway2"))
        if reference(told.get("virtualNetworkGateway1")) != gateway.key or not far:
            continue
        resource = estate.resources.get(far)
        if resource is None:
            unknown.append(far)
        else:
            prefixes += read_prefixes(properties(resource).get("localNetworkAddressSpace"))
    return GatewayPrefixes(gateway.key, tuple(prefixes), tuple(unknown))


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
