"""Effective routes of the subnets of an estate: system routes, peers, gateways and route tables together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.effective_routes import (
    PREFERRED,
    SYSTEM,
    EffectiveRoute,
    build_gateway_routes,
    build_system_routes,
    parse_user_routes,
    select_route,
)
from nephoscope.estate.gateway_prefixes import list_gateway_prefixes, read_prefixes
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties, require_complete

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.estate.network import Network
    from nephoscope.estate.subnets import Subnet
    from nephoscope_policy.model.resource import Resource


class EffectiveRoutes(msgspec.Struct, frozen=True):
    """The routes of a subnet that are known, and what may add others (routes learned by BGP)."""

    routes: tuple[EffectiveRoute, ...]
    unknown: tuple[str, ...] = ()

    def find_next_hop(self, address: str) -> EffectiveRoute | None:
        """The route of a packet to an address, None where it is dropped; raises DataNotCollectedError."""
        found = select_route(self.routes, address)
        if self.unknown and not (found and found.source == SYSTEM and found.next_hop in PREFERRED):
            raise DataNotCollectedError(", ".join(self.unknown))
        return found


class SubnetRoutes:
    """Effective routes by subnet; each is built once."""

    def __init__(self, network: Network, tags: Mapping[str, Sequence[str]] | None = None) -> None:
        self.network = network
        self.estate = network.estate
        self._tags = tags or {}
        self._found: dict[str, EffectiveRoutes] = {}

    def build_routes(self, subnet: Subnet) -> EffectiveRoutes:
        """The effective routes of a subnet; raises DataNotCollectedError where its network or route table was not read."""
        key = subnet.id.lower()
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._build_routes(subnet)
        return found

    def _build_routes(self, subnet: Subnet) -> EffectiveRoutes:
        network = self._require_resource(subnet.network)
        custom: list[EffectiveRoute] = []
        propagates = True
        if subnet.route_table:
            table = require_complete(self._require_resource(subnet.route_table))
            custom = parse_user_routes(table, subnet.route_table, self._tags)
            propagates = table.get("disableBgpRoutePropagation") is not True
        has_default = any(route.prefix == "0.0.0.0/0" for route in custom)
        found = build_system_routes(
            read_space(network), [space for _, space in list_peers(network)], has_default=has_default
        )
        gateways = list(list_gateway_prefixes(network, self.estate)) if propagates else []
        learned = [route for one in gateways for route in build_gateway_routes(one.prefixes, one.gateway)]
        unknown = dict.fromkeys(what for one in gateways for what in one.unknown)
        return EffectiveRoutes((*custom, *learned, *found), tuple(unknown))

    def _require_resource(self, key: str) -> Resource:
        resource = self.estate.resources.get(key)
        if resource is None or not resource.complete:
            raise DataNotCollectedError(key if resource is None else f"the properties of {key}")
        return resource


def read_space(network: Resource) -> list[str]:
    """The address prefixes of a virtual network."""
    return read_prefixes(require_complete(network).get("addressSpace"))


def list_peers(network: Resource) -> Iterator[tuple[str, list[str]]]:
    """The connected peers of a virtual network (lower-cased id) with their address prefixes."""
    for entry in _read_objects(get_properties(network).get("virtualNetworkPeerings")):
        peering = _read_object(entry.get("properties"))
        if str(peering.get("peeringState", "Connected")).lower() == "connected":
            space = peering.get("remoteVirtualNetworkAddressSpace") or peering.get("remoteAddressSpace")
            yield get_reference(peering.get("remoteVirtualNetwork")), read_prefixes(space)


def _read_objects(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}
