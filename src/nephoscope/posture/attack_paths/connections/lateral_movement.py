"""From a machine that the Internet reaches to one behind it: security rules and peerings let SSH, RDP, WinRM or SMB through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network import MACHINE_TYPE, SCALE_SET_TYPE
from nephoscope.posture.attack_paths.entity import (
    INTERNET,
    Connection,
    ConnectionKind,
    GraphEntity,
    InsightKind,
)

if TYPE_CHECKING:
    from nephoscope.estate.addresses import AddressSet
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening
    from nephoscope.posture.attack_paths.graph import SecurityGraph
    from nephoscope.posture.attack_paths.graph_inputs import GraphFacts

PORTS = {22: "SSH", 445: "SMB", 3389: "RDP", 5985: "WinRM", 5986: "WinRM"}
#: Pairs of machines beyond which no more are looked at.
MOST_PAIRS = 20_000
REMEDY = "Let only a jump host or Bastion to these ports from inside the network, and nothing else."
_RANGES = tuple((port, port) for port in PORTS)
InterfaceConfiguration = tuple["Interface", "IpConfiguration"]


def connect(facts: GraphFacts, graph: SecurityGraph) -> None:
    """Connections from weak machines that the Internet reaches to machines whose identity may do something."""
    sources = [one for one in _list_exposed_machines(graph) if InsightKind.WEAKNESS in graph.insights(one.id)]
    # a machine that is got into directly is on a shorter path already
    behind = [one for one in graph.list_entities_of_types(frozenset({MACHINE_TYPE})) if one not in sources]
    targets = [one for one in behind if _has_permissions(graph, one)]
    pairs = [(source, target) for source in sources for target in targets]
    if len(pairs) > MOST_PAIRS:
        facts.record_gap("", f"which machines reach which, beyond the first {MOST_PAIRS} pairs")
    for source, target in pairs[:MOST_PAIRS]:
        try:
            ports = _list_ports(facts, source, target)
        except DataNotCollectedError as gap:
            facts.record_gap(source.subscription, gap.what)
            continue
        if ports:
            named = ", ".join(f"{port} ({PORTS[port]})" for port in ports)
            why = f"Security rules let {source.name} to {target.name} at TCP {named}"
            findings = facts.findings.list_guarding_findings(target.id)
            graph.connect(Connection(source.id, target.id, ConnectionKind.REACHES, why, REMEDY, findings))


def _list_exposed_machines(graph: SecurityGraph) -> Iterator[GraphEntity]:
    for connection in graph.list_outgoing_connections(INTERNET.id):
        entity = graph[connection.target]
        if entity.type in (MACHINE_TYPE, SCALE_SET_TYPE):
            yield entity


def _has_permissions(graph: SecurityGraph, machine: GraphEntity) -> bool:
    """Return whether an identity of a machine may do anything."""
    return any(
        graph.list_outgoing_connections(connection.target)
        for connection in graph.list_outgoing_connections(machine.id)
    )


def _list_ports(facts: GraphFacts, source: GraphEntity, target: GraphEntity) -> list[int]:
    """The ports at which one machine reaches another."""
    network = facts.view.network
    found: set[int] = set()
    for near in _list_ip_configurations(facts, source):
        for far in _list_ip_configurations(facts, target):
            # private addresses are the same in many networks: they say nothing without a way between the two
            homes = [network.get_subnet(configuration.subnet).network for _, configuration in (near, far)]
            if facts.view.exposure.are_joined(*homes):
                found |= _open_ports_between(network, near, far)
    return sorted(found)


def _list_ip_configurations(facts: GraphFacts, machine: GraphEntity) -> Iterator[InterfaceConfiguration]:
    for interface in facts.view.network.list_interfaces(facts.view.estate.resources[machine.id]):
        for configuration in interface.configurations:
            yield interface, configuration


def _open_ports_between(
    network: Network, near: InterfaceConfiguration, far: InterfaceConfiguration
) -> set[int]:
    """The ports that the rules of both ends let through, where each is in the virtual network of the other."""
    source, target = _build_addresses(network, near[1]), _build_addresses(network, far[1])
    if not (
        _resolve_virtual_network(network, near[1]) & target
        and _resolve_virtual_network(network, far[1]) & source
    ):
        return set()
    inward = network.find_openings(*far, "tcp", source, _RANGES)
    outward = network.find_openings(*near, "tcp", target, _RANGES, inbound=False)
    return _find_opened_ports(inward) & _find_opened_ports(outward)


def _build_addresses(network: Network, configuration: IpConfiguration) -> AddressSet:
    """The private addresses of a configuration; those of its subnet where they are given out as machines start."""
    return configuration.addresses or network.get_subnet(configuration.subnet).prefixes


def _resolve_virtual_network(network: Network, configuration: IpConfiguration) -> AddressSet:
    """Return what the tag VirtualNetwork means there."""
    found = network.get_service_tags(network.get_subnet(configuration.subnet)).resolve("virtualnetwork")
    if found is None:
        raise DataNotCollectedError(f"the address space around {configuration.id}")
    return found


def _find_opened_ports(openings: list[Opening]) -> set[int]:
    return {
        port
        for one in openings
        if not one.tag
        for port in PORTS
        if any(low <= port <= high for low, high in one.region.ports)
    }
