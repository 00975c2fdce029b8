"""Subnets and virtual networks: address spaces, what is attached, and the VirtualNetwork tag of each network."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.gateway_prefixes import list_gateway_prefixes
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.unknown_values import Held, catch_gap, read_addresses, require_held
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

NETWORK_TYPE = "microsoft.network/virtualnetworks"
SUBNET_TYPE = "microsoft.network/virtualnetworks/subnets"
ROUTE_TABLE_TYPE = "microsoft.network/routetables"


class Subnet(msgspec.Struct, frozen=True):
    """A subnet: `id` as its source spelled it, its network's lower-cased id, prefixes, attached group and route table.

    What of it is not known is held as the gap, which is raised where it is asked for. `known` is False where the body came without
    properties.
    """

    id: str
    network: str
    held_prefixes: Held[AddressSet]
    held_group: Held[str]
    held_table: Held[str]
    held_attached: Held[tuple[str, ...]]
    known: bool = True

    @property
    def prefixes(self) -> AddressSet:
        """Its addresses; raises DataNotCollectedError where they are not known, or are none."""
        return require_held(self.held_prefixes)

    @property
    def security_group(self) -> str:
        """The lower-cased id of its network security group, '' = none; raises DataNotCollectedError."""
        return require_held(self.held_group)

    @property
    def route_table(self) -> str:
        """The lower-cased id of its route table, '' = none; raises DataNotCollectedError."""
        return require_held(self.held_table)

    @property
    def attached_configurations(self) -> tuple[str, ...]:
        """The lower-cased ids of the address configurations in it; raises DataNotCollectedError."""
        return require_held(self.held_attached)

    @property
    def name(self) -> str:
        """The lower-cased name."""
        return self.id.rsplit("/", 1)[-1].lower()


def list_subnets(estate: AnalyzerEstate) -> dict[str, Subnet]:
    """Lower-cased id -> subnet, from virtual networks' bodies and from subnets of their own; the latter win."""
    found: dict[str, Subnet] = {}
    for network in estate.list_of_type(NETWORK_TYPE):
        with suppress(DataNotCollectedError):  # who asks for a subnet that is not found meets it again
            for entry in read_subnets(network):
                id_ = _read_subnet_id(entry, network)
                found[id_.lower()] = _build_subnet(id_, entry, _has_properties(entry) and not network.unread)
    for resource in estate.list_of_type(SUBNET_TYPE):
        if resource.complete or resource.key not in found:
            found[resource.key] = _build_subnet(str(resource.body["id"]), resource.body, resource.complete)
    return found


def read_subnets(network: Resource) -> Sequence[dict[str, object]]:
    """The subnets in the body of a network; raises DataNotCollectedError where they, or one of them, are not known."""
    listed = (network.body.get("properties") or {}).get("subnets") or []
    return [*listed]


def _has_properties(entry: Mapping[str, object]) -> bool:
    with suppress(DataNotCollectedError):
        return "properties" in entry
    return True


def _read_subnet_id(entry: Mapping[str, object], network: Resource) -> str:
    """The id of a subnet in the body of its network; what a body has as its id and lies elsewhere is no id."""
    subnet_id = str(entry.get("id", ""))
    below = subnet_id.lower().startswith(f"{network.key}/subnets/")
    return subnet_id if below else f"{network.body['id']}/subnets/{entry.get('name', '')}"


def _build_subnet(id_: str, entry: Mapping[str, object], known: bool) -> Subnet:
    def read(name: str) -> object:
        found = entry.get("properties")
        return found.get(name) if isinstance(found, dict) else None

    def read_prefixes() -> AddressSet:
        several = read("addressPrefixes")
        texts = [*(several if isinstance(several, list) else ()), read("addressPrefix")]
        return read_addresses(texts, f"addressPrefix of {id_}")

    def read_attached() -> tuple[str, ...]:
        listed = read("ipConfigurations")
        return tuple(get_reference(part) for part in listed) if isinstance(listed, list) else ()

    return Subnet(
        id=id_,
        network=ResourceId.parse(id_).parent,
        held_prefixes=catch_gap(read_prefixes),
        held_group=catch_gap(lambda: get_reference(read("networkSecurityGroup"))),
        held_table=catch_gap(lambda: get_reference(read("routeTable"))),
        held_attached=catch_gap(read_attached),
        known=known,
    )


def resolve_virtual_network_tag(
    network: Resource,
    subnets: Iterable[Subnet],
    routes: Mapping[str, Resource],
    estate: AnalyzerEstate | None = None,
) -> AddressSet:
    """Return what the tag VirtualNetwork means inside a network: its space, its peers', and the prefixes of its routes.

    With an `estate` also what lies behind its gateways; of what they learned by BGP, as far as the estate has it.

    A default route (0.0.0.0/0 or ::/0), of a table or of a gateway, and routes to the Internet or to nowhere add nothing.
    """
    body = network.body.get("properties") or {}
    space = _read_address_space(body.get("addressSpace"))
    for peering in body.get("virtualNetworkPeerings") or []:
        space |= _read_peer_space(peering.get("properties") or {})
    for gateway in list_gateway_prefixes(network, estate) if estate is not None else ():
        space |= AddressSet.of([prefix for prefix in gateway.prefixes if not prefix.endswith("/0")])
    for subnet in subnets:
        space |= subnet.prefixes
        if subnet.route_table in routes:
            space |= _collect_routed_addresses(routes[subnet.route_table])
    return space


def _read_address_space(value: object) -> AddressSet:
    listed = (value.get("addressPrefixes") or []) if isinstance(value, dict) else []
    return read_addresses(listed, "addressPrefixes of a virtual network")


def _read_peer_space(peering: dict[str, object]) -> AddressSet:
    if str(peering.get("peeringState", "Connected")).lower() != "connected":
        return AddressSet()
    if peering.get("allowVirtualNetworkAccess") is False:
        return AddressSet()
    return _read_address_space(
        peering.get("remoteVirtualNetworkAddressSpace") or peering.get("remoteAddressSpace")
    )


def _collect_routed_addresses(table: Resource) -> AddressSet:
    found = AddressSet()
    for route in (table.body.get("properties") or {}).get("routes") or []:
        body = route.get("properties") or {}
        prefix = str(body.get("addressPrefix") or "")
        inside = str(body.get("nextHopType", "")).lower() in (
            "virtualappliance",
            "virtualnetworkgateway",
            "vnetlocal",
        )
        if inside and is_prefix(prefix) and not prefix.endswith("/0"):
            found |= AddressSet.of([prefix])
    return found
