"""Effective routes of a subnet, and the next hop that a packet takes.

The longest prefix wins. On an equal prefix a user-defined route comes before one from a gateway (BGP), and that before a system
route; system routes inside virtual networks and their peers come before every BGP route. A route with a prefix of its own comes before
one with a service tag, and tags go from the narrow to the wide: region, service, region of AzureCloud, AzureCloud.

Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import PUBLIC, AddressSet, is_prefix, parse_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.service_tags import is_tag_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

USER, GATEWAY, SYSTEM = "User", "VirtualNetworkGateway", "Default"
LOCAL, PEERING, INTERNET, NONE = "VnetLocal", "VNetPeering", "Internet", "None"
APPLIANCE, SERVICE_ENDPOINT = "VirtualAppliance", "VirtualNetworkServiceEndpoint"
NEXT_HOPS = {
    word.lower(): word for word in (LOCAL, PEERING, INTERNET, NONE, APPLIANCE, SERVICE_ENDPOINT, GATEWAY)
}
#: System routes that no BGP route overrides, however specific it is.
PREFERRED = (LOCAL, PEERING, SERVICE_ENDPOINT)
RESERVED = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
EVERYWHERE = ("0.0.0.0/0", "::/0")
_ORDER = {USER: 0, GATEWAY: 1, SYSTEM: 2}
_BITS = {4: 32, 6: 128}


class EffectiveRoute(msgspec.Struct, frozen=True):
    """An effective route: `source` and `next_hop` in Azure's words, `prefix` as text or a service tag, `table` its route table's id.

    `addresses` are those of a tag's prefixes, None where the tag is opaque.
    """

    source: str
    prefix: str
    next_hop: str
    next_hop_ip: str = ""
    name: str = ""
    table: str = ""
    addresses: tuple[str, ...] | None = ()

    @property
    def is_tagged(self) -> bool:
        """Return whether a service tag stands for its prefixes."""
        return not is_prefix(self.prefix)

    def find_match_length(self, family: int, address: int) -> int:
        """The length of its longest prefix that holds an address, -1 where none does."""
        texts = self.addresses or () if self.is_tagged else (self.prefix,)
        found = -1
        for text in texts:
            version, (low, high) = parse_prefix(text)
            if version == family and low <= address <= high:
                found = max(found, _BITS[family] - (high - low + 1).bit_length() + 1)
        return found

    @property
    def tag_rank(self) -> int:
        """Its place among routes of an equal prefix: an explicit prefix, then tags from the narrow to the wide."""
        if not self.is_tagged:
            return 0
        tag = self.prefix.lower()
        return 1 + 2 * is_tag_within(tag, "azurecloud") + ("." not in tag)


def select_route(routes: Iterable[EffectiveRoute], address: str) -> EffectiveRoute | None:
    """The route that a packet to an address takes, None where none leads there.

    Raises DataNotCollectedError where a route with an opaque service tag could decide.
    """
    family, (value, _) = parse_prefix(address)
    listed = list(routes)
    matching = [
        (route, length) for route in listed if (length := route.find_match_length(family, value)) >= 0
    ]
    if any(route.source == SYSTEM and route.next_hop in PREFERRED for route, _ in matching):
        matching = [(route, length) for route, length in matching if route.source != GATEWAY]
    best = min(
        matching,
        key=lambda pair: (-pair[1], _ORDER[pair[0].source], pair[0].tag_rank),
        default=(None, -1),
    )
    if address in PUBLIC:
        for route in listed:
            if route.is_tagged and route.addresses is None and best[1] < _BITS[family]:
                raise DataNotCollectedError(f"the prefixes of service tag {route.prefix}")
    return best[0]


def build_system_routes(
    space: Sequence[str], peers: Iterable[Sequence[str]] = (), *, has_default: bool = False
) -> list[EffectiveRoute]:
    """The system routes of a network with an address space and the spaces of its peers.

    `has_default` says that a user-defined route for 0.0.0.0/0 exists: the routes of reserved ranges to nowhere go with it.
    """
    found = [EffectiveRoute(SYSTEM, prefix, LOCAL) for prefix in space]
    found += [EffectiveRoute(SYSTEM, prefix, PEERING) for prefixes in peers for prefix in prefixes]
    found += [EffectiveRoute(SYSTEM, prefix, INTERNET) for prefix in EVERYWHERE]
    own = [AddressSet.of([prefix]) for prefix in space]
    for prefix in RESERVED:
        reserved = AddressSet.of([prefix])
        if not has_default and not any(one.covers(reserved) for one in own):
            found.append(EffectiveRoute(SYSTEM, prefix, NONE))
    return found


def parse_user_routes(
    table: Mapping[str, object], id_: str, tags: Mapping[str, Sequence[str]] | None = None
) -> list[EffectiveRoute]:
    """The user-defined routes in the properties of a route table; `tags` maps lower-cased service tags to prefixes.

    Raises DataNotCollectedError where a route is not readable.
    """
    listed = table.get("routes")
    return [
        _read_user_route(entry, id_, tags or {}) for entry in (listed if isinstance(listed, list) else ())
    ]


def _read_user_route(
    entry: Mapping[str, object], table: str, tags: Mapping[str, Sequence[str]]
) -> EffectiveRoute:
    body = entry.get("properties")
    route = body if isinstance(body, dict) else entry
    prefix, hop = str(route.get("addressPrefix") or ""), str(route.get("nextHopType") or "")
    if not prefix or hop.lower() not in NEXT_HOPS:
        raise DataNotCollectedError(f"the prefix and next hop of a route of {table}", "unreadable-rule")
    known = tags.get(prefix.lower())
    return EffectiveRoute(
        USER,
        prefix,
        NEXT_HOPS[hop.lower()],
        str(route.get("nextHopIpAddress") or ""),
        str(entry.get("name") or ""),
        table,
        None if known is None and not is_prefix(prefix) else tuple(known or ()),
    )


def build_gateway_routes(prefixes: Iterable[str], via: str) -> list[EffectiveRoute]:
    """Routes that a virtual network gateway adds for the far side's prefixes."""
    return [EffectiveRoute(GATEWAY, prefix, GATEWAY, name=via) for prefix in prefixes]


def read_appliance(route: EffectiveRoute) -> str:
    """The address of the appliance that a route names; raises DataNotCollectedError where it names none."""
    if not route.next_hop_ip:
        raise DataNotCollectedError(f"the next hop address of route {route.name or route.prefix}")
    return route.next_hop_ip
