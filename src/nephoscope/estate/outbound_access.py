"""Outbound access: by which address a machine of a subnet speaks to the Internet.

A NAT gateway comes before an address of the instance, and that before a load balancer's outbound rules. Azure's retired default
outbound access counts only where the interface says that it has it, and for IPv4 alone. A NAT gateway carries IPv6 where it has
addresses of IPv6.
Source: https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access, .../nat-gateway/nat-gateway-v2-create
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.load_balancers import LOAD_BALANCER_TYPE
from nephoscope.estate.network_interfaces import get_reference, list_references
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.subnets import NETWORK_TYPE, SUBNET_TYPE

if TYPE_CHECKING:
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration

NAT_GATEWAY_TYPE = "microsoft.network/natgateways"
READS = (NAT_GATEWAY_TYPE, LOAD_BALANCER_TYPE)


class OutboundAccess(msgspec.Struct, frozen=True):
    """Way of a machine to the Internet: `kind` in words of the field ('' = not at all), `via` the lower-cased id."""

    kind: str = ""
    via: str = ""


class OutboundIndex:
    """Outbound access of the interfaces of an estate; indexes are built once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.estate = network.estate

    @cached_property
    def _nat_gateways(self) -> dict[str, str]:
        """Subnet -> NAT gateway, as either names the other."""
        found: dict[str, str] = {}
        for gateway in self.estate.list_of_type(NAT_GATEWAY_TYPE):
            body = get_properties(gateway)
            if list_references(body.get("publicIpAddresses")) or list_references(
                body.get("publicIpPrefixes")
            ):
                found |= dict.fromkeys(list_references(body.get("subnets")), gateway.key)
        for key, body in self._subnet_bodies.items():
            gateway_id = get_reference(body.get("natGateway"))
            if gateway_id:
                found[key] = gateway_id
        return found

    def _carries_six(self, gateway: str) -> bool:
        """Return whether a NAT gateway has public addresses of IPv6; raises DataNotCollectedError where it was not read."""
        known = self.estate.resources.get(gateway)
        if known is None:
            raise DataNotCollectedError(gateway)
        body = get_properties(known)
        return bool(
            list_references(body.get("publicIpAddressesV6"))
            or list_references(body.get("publicIpPrefixesV6"))
        )

    @cached_property
    def _subnet_bodies(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for network in self.estate.list_of_type(NETWORK_TYPE):
            listed = get_properties(network).get("subnets")
            for entry in listed if isinstance(listed, list) else ():
                if isinstance(entry, dict):
                    id_ = str(entry.get("id") or f"{network.key}/subnets/{entry.get('name', '')}").lower()
                    found[id_] = entry.get("properties") or {}
        for subnet in self.estate.list_of_type(SUBNET_TYPE):
            found[subnet.key] = get_properties(subnet)
        return found

    @cached_property
    def _outbound_pools(self) -> dict[str, str]:
        """Load balancer pool -> load balancer that translates what its members send out."""
        found = {}
        for balancer in self.estate.list_of_type(LOAD_BALANCER_TYPE):
            body = get_properties(balancer)
            for kind in ("outboundRules", "loadBalancingRules"):
                listed = body.get(kind)
                for entry in listed if isinstance(listed, list) else ():
                    inner: dict[str, object] = entry.get("properties") or {}
                    public = self._is_public_front(body, get_reference(inner.get("frontendIPConfiguration")))
                    fronts = list_references(inner.get("frontendIPConfigurations"))
                    if (fronts or public) and inner.get("disableOutboundSnat") is not True:
                        for pool in {get_reference(inner.get("backendAddressPool"))} - {""}:
                            found[pool] = balancer.key
        return found

    def _is_public_front(self, body: dict[str, object], front: str) -> bool:
        listed = body.get("frontendIPConfigurations")
        return any(
            str(entry.get("id", "")).lower() == front
            and bool(get_reference((entry.get("properties") or {}).get("publicIPAddress")))
            for entry in (listed if isinstance(listed, list) else ())
        )

    def find_access(self, interface: Interface, configuration: IpConfiguration) -> OutboundAccess:
        """Find the way of an interface's address to the Internet; raises DataNotCollectedError where it is not known."""
        gateway = self._nat_gateways.get(configuration.subnet)
        if gateway and (configuration.family == 4 or self._carries_six(gateway)):
            return OutboundAccess("NAT gateway", gateway)
        if configuration.public_addresses or configuration.inline_public:
            return OutboundAccess(
                "public address", next(iter(configuration.public_addresses), configuration.id)
            )
        for pool in configuration.pools:
            if pool in self._outbound_pools:
                return OutboundAccess("load balancer", self._outbound_pools[pool])
        if configuration.family == 6:
            return OutboundAccess()
        if self._subnet_bodies.get(configuration.subnet, {}).get("defaultOutboundAccess") is False:
            return OutboundAccess()
        card = self.estate.resources.get(interface.id)
        enabled = get_properties(card).get("defaultOutboundConnectivityEnabled") if card is not None else None
        if enabled is True:
            return OutboundAccess("default outbound access", interface.id)
        if enabled is False:
            return OutboundAccess()
        raise DataNotCollectedError(f"defaultOutboundConnectivityEnabled of {interface.id}")
