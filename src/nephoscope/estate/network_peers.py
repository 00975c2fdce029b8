"""Network peers: the virtual networks and hubs that a virtual network is connected to."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.firewalls import HUB_CONNECTION_TYPE
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.subnets import NETWORK_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

#: Azure names so the peering of a network with a virtual hub, whose own network no customer can read.
_PEERING_OF_HUB = "remotevnettohubpeering_"


class NetworkPeers:
    """Peers of every virtual network of an estate, by lower-cased ids."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self.estate = estate

    def are_joined(self, sources: Iterable[str], target: str) -> bool:
        """Return whether a network is one of several or peered with one of them."""
        return any(
            source == target
            or target in self._networks.get(source, ())
            or source in self._networks.get(target, ())
            for source in sources
        )

    def list_connected_networks(self, network: str) -> tuple[list[str], list[str]]:
        """Return the networks and virtual hubs that a network is connected to, and those of them that were not read."""
        resource = self.estate.resources.get(network)
        peers: list[str] = []
        gaps: list[str] = []
        for name, body in _read_peerings(resource) if resource is not None else ():
            if str(body.get("peeringState", "Connected")).lower() != "connected":
                continue
            if name.startswith(_PEERING_OF_HUB):
                peers += (hubs := self._hubs.get(network, []))
                gaps += [] if hubs else [f"the virtual hub of {network}"]
            elif peer := get_reference(body.get("remoteVirtualNetwork")):
                peers.append(peer)
                gaps += [] if peer in self.estate.resources else [peer]
        return peers, gaps

    @cached_property
    def _networks(self) -> dict[str, frozenset[str]]:
        """Network -> the networks that it is peered with."""
        return {
            network.key: frozenset(
                get_reference(body.get("remoteVirtualNetwork")) for _, body in _read_peerings(network)
            )
            for network in self.estate.list_of_type(NETWORK_TYPE)
        }

    @cached_property
    def _hubs(self) -> dict[str, list[str]]:
        """Network -> the virtual hubs with a connection to it."""
        found: dict[str, list[str]] = defaultdict(list)
        for connection in self.estate.list_of_type(HUB_CONNECTION_TYPE):
            found[get_reference(get_properties(connection).get("remoteVirtualNetwork"))].append(
                connection.id.parent
            )
        return found


def _read_peerings(network: Resource) -> Iterator[tuple[str, dict[str, object]]]:
    """The lower-cased name and the properties of each peering of a network."""
    entries = get_properties(network).get("virtualNetworkPeerings")
    for entry in entries if isinstance(entries, list) else []:
        yield str(entry.get("name", "")).lower(), entry.get("properties") or {}
