"""Private endpoints and private DNS: the private addresses of services, and the names that lead to them.

A private endpoint has a route of its own in its network and its peers. Security groups of its subnet apply to it only where the
subnet's network policies say so.
Sources: https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy, https://learn.microsoft.com/azure/dns/private-dns-overview
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import is_prefix
from nephoscope.estate.network_interfaces import get_reference, list_references, parse_interface
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.subnets import NETWORK_TYPE, SUBNET_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.network import Network
    from nephoscope_policy.model.resource import Resource

ENDPOINT_TYPE = "microsoft.network/privateendpoints"
ZONE_TYPE = "microsoft.network/privatednszones"
LINK_TYPE = f"{ZONE_TYPE}/virtualnetworklinks"
RECORD_TYPE = f"{ZONE_TYPE}/a"
READS = (ENDPOINT_TYPE, ZONE_TYPE, LINK_TYPE, RECORD_TYPE)
#: The words of a subnet's policies under which security groups apply to private endpoints.
_FILTERED = ("enabled", "networksecuritygroupenabled")


class PrivateEndpoint(msgspec.Struct, frozen=True):
    """A private endpoint: lower-cased ids (its own, subnet, interfaces, the service behind it), addresses and names."""

    id: str
    subnet: str
    interfaces: tuple[str, ...]
    service: str
    addresses: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def network(self) -> str:
        """The lower-cased id of its virtual network."""
        return self.subnet.split("/subnets/")[0]


class PrivateEndpoints:
    """The private endpoints and private DNS zones of an estate; indexes are built once."""

    def __init__(self, network: Network) -> None:
        self.estate = network.estate

    @cached_property
    def _by_address(self) -> dict[tuple[str, str], PrivateEndpoint]:
        """(network, address) -> private endpoint."""
        return {(one.network, address): one for one in self._all_endpoints for address in one.addresses}

    @cached_property
    def _all_endpoints(self) -> list[PrivateEndpoint]:
        return [self._read_endpoint(resource) for resource in self.estate.list_of_type(ENDPOINT_TYPE)]

    def group_by_service(self) -> dict[str, list[PrivateEndpoint]]:
        """Return the private endpoints by the lower-cased id of the service behind them."""
        found: dict[str, list[PrivateEndpoint]] = {}
        for one in self._all_endpoints:
            found.setdefault(one.service, []).append(one)
        return found

    def _read_endpoint(self, resource: Resource) -> PrivateEndpoint:
        body = get_properties(resource)
        configs = body.get("customDnsConfigs")
        listed = [one for one in configs if isinstance(one, dict)] if isinstance(configs, list) else []
        cards = list_references(body.get("networkInterfaces"))
        addresses = [str(text) for one in listed for text in one.get("ipAddresses") or []]
        addresses += [text for card in cards for text in self._list_card_addresses(card)]
        return PrivateEndpoint(
            id=resource.key,
            subnet=get_reference(body.get("subnet")),
            interfaces=cards,
            service=next(self._read_services(body), ""),
            addresses=tuple(dict.fromkeys(text for text in addresses if is_prefix(text))),
            names=tuple(str(one.get("fqdn") or "").lower() for one in listed),
        )

    def _list_card_addresses(self, card: str) -> list[str]:
        resource = self.estate.resources.get(card)
        if resource is None:
            return []
        interface = parse_interface(card, get_properties(resource))
        return [one.address for one in interface.configurations if one.address]

    def _read_services(self, body: dict[str, object]) -> Iterator[str]:
        for name in ("privateLinkServiceConnections", "manualPrivateLinkServiceConnections"):
            listed = body.get(name)
            for entry in listed if isinstance(listed, list) else ():
                inner = entry.get("properties") if isinstance(entry, dict) else None
                target = inner.get("privateLinkServiceId") if isinstance(inner, dict) else None
                if isinstance(target, str):
                    yield target.lower()

    def find_endpoint(self, network: str, address: str) -> PrivateEndpoint | None:
        """The private endpoint that has an address in a network."""
        return self._by_address.get((network, address))

    def is_filtered(self, subnet: str) -> bool:
        """Return whether security groups apply to the private endpoints of a subnet (its lower-cased id)."""
        return self._policies.get(subnet, "").lower() in _FILTERED

    @cached_property
    def _policies(self) -> dict[str, str]:
        found = {}
        for network in self.estate.list_of_type(NETWORK_TYPE):
            listed = get_properties(network).get("subnets")
            for entry in listed if isinstance(listed, list) else ():
                if isinstance(entry, dict):
                    id_ = str(entry.get("id") or f"{network.key}/subnets/{entry.get('name', '')}").lower()
                    inner = entry.get("properties") or {}
                    found[id_] = str(inner.get("privateEndpointNetworkPolicies") or "")
        for subnet in self.estate.list_of_type(SUBNET_TYPE):
            found[subnet.key] = str(get_properties(subnet).get("privateEndpointNetworkPolicies") or "")
        return found

    def resolve(self, network: str, name: str) -> tuple[str, ...]:
        """The addresses of a name by the private zones that are linked to a network (its lower-cased id), () where none has it."""
        wanted = name.lower().rstrip(".")
        for zone in sorted(self._list_linked_zones(network), key=len, reverse=True):
            title = zone.rsplit("/", 1)[-1]
            if wanted == title or wanted.endswith(f".{title}"):
                label = wanted[: -len(title) - 1] or "@"
                found = self._records.get((zone, label))
                if found:
                    return found
        return ()

    def _list_linked_zones(self, network: str) -> list[str]:
        return [
            link.id.parent
            for link in self.estate.list_of_type(LINK_TYPE)
            if get_reference(get_properties(link).get("virtualNetwork")) == network
        ]

    @cached_property
    def _records(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(zone, label) -> addresses."""
        found = {}
        for record in self.estate.list_of_type(RECORD_TYPE):
            body = get_properties(record)
            listed = body.get("aRecords") or body.get("ARecords")
            texts = [
                str(entry.get("ipv4Address") or "") for entry in (listed if isinstance(listed, list) else ())
            ]
            found[record.id.parent, record.id.name.lower()] = tuple(text for text in texts if is_prefix(text))
        return found
