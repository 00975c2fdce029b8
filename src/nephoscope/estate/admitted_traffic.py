"""Admitted traffic: what a way in from the Internet lets through to an address, by the rules on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.addresses import AddressSet
    from nephoscope.estate.ingress_paths import IngressPath
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening

PROTOCOLS = ("tcp", "udp")


def list_admitted_traffic(
    network: Network,
    interface: Interface,
    configuration: IpConfiguration,
    way: IngressPath,
    clients: AddressSet | None = None,
) -> Iterator[tuple[str, list[Opening]]]:
    """Yield what a way in lets through of some clients (None = everybody), by protocol; raises DataNotCollectedError where that
    is not known.
    """
    admitted = way.clients & network.find_internet_addresses(configuration)
    admitted = admitted if clients is None else admitted & clients
    if not admitted:
        return
    if not network.list_security_groups(interface, configuration):
        if way.unread:
            raise DataNotCollectedError(way.unread)
        if way.closed_by_default:
            return
    for protocol in PROTOCOLS if way.protocol == "*" else (way.protocol,):
        remote = admitted if way.seen_as is None else way.seen_as
        yield protocol, network.find_openings(interface, configuration, protocol, remote, way.ports)
