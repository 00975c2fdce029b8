"""Address lookup of a flow: subnet, interface and machine of the estate."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.network import INTERFACE_TYPE
from nephoscope.estate.network_interfaces import get_reference, parse_interface
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.service_tags import PLATFORM
from nephoscope.estate.subnets import NETWORK_TYPE, list_subnets
from nephoscope.geolocation.provider import Geolocator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nephoscope.estate.estate import Estate
    from nephoscope_policy.model.resource import Resource

_PUBLIC_ADDRESS = "microsoft.network/publicipaddresses"
_LOCAL_GATEWAY = "microsoft.network/localnetworkgateways"
_GATEWAY = "microsoft.network/virtualnetworkgateways"
_CLOUD = "azurecloud"


class AddressKind(IntEnum):
    """Kind of an IP address by its place: in the estate, in Azure, on the Internet."""

    UNKNOWN = 0
    NETWORK = 1  # in a virtual network of the estate
    PRIVATE = 2  # private, and in no network that is known
    SITE = 3  # behind a site-to-site connection
    CLIENT = 4  # a point-to-site client's
    AZURE = 5  # a public address of Azure
    INTERNET = 6  # any other public address


@dataclass(frozen=True, slots=True)
class AddressLocation:
    """Location of an address; names are as traffic analytics writes them (`group/name`), '' where not known.

    `network` is the lower-cased id of a virtual network, `service` the service tags of an address of Azure, `country` the ISO code of
    an address of the internet.
    """

    kind: AddressKind = AddressKind.UNKNOWN
    network: str = ""
    subscription: str = ""
    region: str = ""
    subnet: str = ""
    interface: str = ""
    machine: str = ""
    service: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class _Prefix:
    low: int
    high: int
    place: AddressLocation


@dataclass
class AddressLookup:
    """Looks up addresses in one estate; `tags` maps lower-cased service tags to their prefixes where a table was imported.

    Private addresses are ambiguous: a flow log's own network counts first, then its peers, then any network that has the address.
    """

    estate: Estate
    tags: Mapping[str, AddressSet] = field(default_factory=dict)
    places: Geolocator = field(default_factory=Geolocator)

    def __post_init__(self) -> None:
        self._subnets = list_subnets(self.estate)
        self._networks = {one.key: one for one in self.estate.list_of_type(NETWORK_TYPE)}
        self._peers = {key: frozenset(_list_peers(one)) for key, one in self._networks.items()}
        self._near = _map_networks_by_resource(
            self.estate, {key: one.network for key, one in self._subnets.items()}
        )
        self._interfaces: dict[str, list[AddressLocation]] = defaultdict(list)
        self._prefixes: list[_Prefix] = []
        self._build_index()
        self._sites = AddressSet.of(
            _list_address_prefixes(self.estate.list_of_type(_LOCAL_GATEWAY), "localNetworkAddressSpace")
        )
        self._clients = AddressSet.of(_list_client_addresses(self.estate.list_of_type(_GATEWAY)))
        public = self.estate.list_of_type(_PUBLIC_ADDRESS)
        self._own = {str(get_properties(one).get("ipAddress") or "") for one in public} - {""}
        self._ranges = _list_cloud_ranges(self.tags)
        self._lows = [low for low, _, _ in self._ranges]
        self.of = lru_cache(maxsize=262_144)(self._locate_address)

    def _build_index(self) -> None:
        for key, subnet in self._subnets.items():
            place = self._find_location(subnet.network, subnet=_format_subnet_name(key, subnet.network))
            for low, high in subnet.prefixes.v4:
                self._prefixes.append(_Prefix(low, high, place))
            for low, high in subnet.prefixes.v6:
                self._prefixes.append(_Prefix(low + 2**32, high + 2**32, place))
        for card in self.estate.list_of_type(INTERFACE_TYPE):
            body = get_properties(card)
            machine = get_reference(body.get("virtualMachine"))
            for configuration in parse_interface(card.key, body).configurations:
                subnet_here = self._subnets.get(configuration.subnet)
                if not configuration.address or subnet_here is None:
                    continue
                place = self._find_location(
                    subnet_here.network,
                    subnet=_format_subnet_name(configuration.subnet, subnet_here.network),
                    interface=_extract_name(card.key),
                    machine=_extract_name(machine) if machine else "",
                )
                self._interfaces[configuration.address].append(place)

    def _find_location(
        self, network: str, subnet: str, interface: str = "", machine: str = ""
    ) -> AddressLocation:
        resource = self._networks.get(network)
        region = str(resource.body.get("location") or "").replace(" ", "").lower() if resource else ""
        subscription = network.split("/")[2] if network.count("/") > 2 else ""
        return AddressLocation(AddressKind.NETWORK, network, subscription, region, subnet, interface, machine)

    def _locate_address(self, address: str, near: str) -> AddressLocation:
        """The place of an address as the flow log of a resource (`near`, its lower-cased id) sees it; kept for the next time."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return AddressLocation()
        number = int(parsed) + (2**32 if parsed.version == 6 else 0)
        found = [*self._interfaces.get(address, ())]
        found += [one.place for one in self._prefixes if one.low <= number <= one.high]
        if found:
            return self._choose_nearest(found, near)
        if address in PLATFORM:
            return AddressLocation(AddressKind.AZURE, service="AzurePlatform")
        if address in self._sites:
            return AddressLocation(AddressKind.SITE)
        if address in self._clients:
            return AddressLocation(AddressKind.CLIENT)
        cloud = self._find_cloud_location(address, number)
        if cloud is not None:
            return cloud
        if parsed.is_private or parsed.is_link_local:
            return AddressLocation(AddressKind.PRIVATE)
        return AddressLocation(AddressKind.INTERNET, country=self.places.locate(address).country)

    def _choose_nearest(self, found: list[AddressLocation], near: str) -> AddressLocation:
        home = self._near.get(near, frozenset())
        peers = frozenset().union(*(self._peers.get(network, frozenset()) for network in home))
        for networks in (home, peers):
            inside = [place for place in found if place.network in networks]
            if inside:
                return inside[0]
        return found[0]

    def _find_cloud_location(self, address: str, number: int) -> AddressLocation | None:
        at = bisect_right(self._lows, number) - 1
        if at >= 0 and self._ranges[at][1] >= number:
            tag = self._ranges[at][2]
            return AddressLocation(AddressKind.AZURE, region=tag.partition(".")[2], service=tag)
        return AddressLocation(AddressKind.AZURE) if address in self._own else None


def _map_networks_by_resource(estate: Estate, subnets: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return what a flow log may be of -> its virtual networks: networks, subnets, interfaces, and groups by what they
    are attached to."""
    found: dict[str, set[str]] = defaultdict(set)
    for network in estate.list_of_type(NETWORK_TYPE):
        found[network.key].add(network.key)
    for key, subnet in list_subnets(estate).items():
        found[key].add(subnet.network)
        if subnet.security_group:
            found[subnet.security_group].add(subnet.network)
    for card in estate.list_of_type(INTERFACE_TYPE):
        interface = parse_interface(card.key, get_properties(card))
        for configuration in interface.configurations:
            network_id = subnets.get(configuration.subnet)
            if network_id:
                found[card.key].add(network_id)
                if interface.security_group:
                    found[interface.security_group].add(network_id)
    return {key: frozenset(networks) for key, networks in found.items()}


def _list_peers(network: Resource) -> Iterable[str]:
    peerings = get_properties(network).get("virtualNetworkPeerings")
    for peering in peerings if isinstance(peerings, list) else ():
        body = peering.get("properties") if isinstance(peering, dict) else None
        if isinstance(body, dict):
            yield get_reference(body.get("remoteVirtualNetwork"))


def _list_address_prefixes(resources: Iterable[Resource], name: str) -> list[str]:
    found: list[str] = []
    for resource in resources:
        space = get_properties(resource).get(name)
        listed = space.get("addressPrefixes") if isinstance(space, dict) else None
        found += [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    return found


def _list_client_addresses(gateways: Iterable[Resource]) -> list[str]:
    found: list[str] = []
    for gateway in gateways:
        configuration = get_properties(gateway).get("vpnClientConfiguration")
        pool = configuration.get("vpnClientAddressPool") if isinstance(configuration, dict) else None
        listed = pool.get("addressPrefixes") if isinstance(pool, dict) else None
        found += [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    return found


def _list_cloud_ranges(tags: Mapping[str, AddressSet]) -> list[tuple[int, int, str]]:
    """The ranges of Azure's regions in order: (low, high, tag)."""
    ranges = []
    for tag, addresses in tags.items():
        if tag.startswith(f"{_CLOUD}."):
            ranges += [(low, high, tag) for low, high in addresses.v4]
            ranges += [(low + 2**32, high + 2**32, tag) for low, high in addresses.v6]
    return sorted(ranges)


def _extract_name(key: str) -> str:
    """`group/name` of a lower-cased resource id."""
    parts = key.split("/")
    return f"{parts[4]}/{parts[-1]}" if len(parts) > 8 else parts[-1]


def _format_subnet_name(subnet: str, network: str) -> str:
    """`group/network/subnet`."""
    return f"{_extract_name(network)}/{subnet.rsplit('/', 1)[-1]}"
