"""The path of one flow from a machine: security rules out, the route, the firewall on the way, and security rules in.

Each step names what decided it. What depends on something that was not read raises DataNotCollectedError.
"""

from __future__ import annotations

from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.effective_routes import (
    APPLIANCE,
    INTERNET,
    LOCAL,
    NONE,
    PEERING,
    read_appliance,
)
from nephoscope.estate.firewall_rules import FirewallFlow, evaluate_firewall_rules, list_firewall_rules
from nephoscope.estate.firewalls import FIREWALL_TYPE
from nephoscope.estate.network import INTERFACE_TYPE
from nephoscope.estate.network_interfaces import get_reference, parse_interface
from nephoscope.estate.outbound_access import OutboundIndex
from nephoscope.estate.private_endpoints import PrivateEndpoints
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.rule_stages import passes
from nephoscope.estate.subnet_routes import SubnetRoutes, list_peers, read_space
from nephoscope.estate.subnet_services import SubnetServices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from nephoscope.estate.effective_routes import EffectiveRoute
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.private_endpoints import PrivateEndpoint
    from nephoscope.estate.reachability import FlowDecision
    from nephoscope.estate.subnets import Subnet
    from nephoscope_policy.model.resource import Resource

#: Firewalls and appliances on one way, beyond which it is a loop.
LONGEST_WAY = 8


class FlowDisposition(Enum):
    """End of the path of a flow."""

    ACCEPTED = "accepted"
    DENIED_OUT = "denied on the way out"
    DENIED_IN = "denied on the way in"
    DENIED_BY_FIREWALL = "denied by a firewall"
    DROPPED = "dropped by a route"
    NO_ROUTE = "no route"
    NO_HOST = "nobody has the address"
    NO_LISTENER = "the service does not listen on the port"
    NO_OUTBOUND = "no outbound access"
    EXITS = "leaves the network"


class PathHop(msgspec.Struct, frozen=True):
    """A step of a path: the kind in a word of the field, the lower-cased id, and what decided there ('' = nothing)."""

    kind: str
    id: str
    decided_by: str = ""


class FlowPath(msgspec.Struct, frozen=True):
    """The path of a flow: how it ends, its steps, and the rule that decided last ('' = no rule)."""

    disposition: FlowDisposition
    hops: tuple[PathHop, ...]
    decided_by: str = ""

    @property
    def reaches(self) -> bool:
        """Return whether the flow gets to its destination, or out of the network towards it."""
        return self.disposition in (FlowDisposition.ACCEPTED, FlowDisposition.EXITS)


class PathFlow(msgspec.Struct, frozen=True):
    """A flow: the destination as text, lower-cased protocol, ports; `fqdn` where the client asks by name."""

    destination: str
    protocol: str
    port: int
    source_port: int = 49152
    fqdn: str = ""


class Endpoint(msgspec.Struct, frozen=True):
    """A machine's address: interface and IP configuration."""

    interface: Interface
    configuration: IpConfiguration


class FlowPaths:
    """Paths of flows through one estate; indexes are built once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.estate = network.estate
        self.routes = SubnetRoutes(network, network.service_tags.prefixes)
        self.outbound = OutboundIndex(network)
        self.services = SubnetServices(network)
        self.private_endpoints = PrivateEndpoints(network)

    @cached_property
    def _owners(self) -> dict[tuple[str, str], Endpoint]:
        """(network, private address) -> who has it."""
        found = {}
        for card in self.estate.list_of_type(INTERFACE_TYPE):
            interface = parse_interface(card.key, require_complete(card))
            for configuration in interface.configurations:
                home = configuration.subnet.split("/subnets/")[0]
                if configuration.address:
                    found[home, configuration.address] = Endpoint(interface, configuration)
        return found

    @cached_property
    def _firewalls(self) -> dict[str, Resource]:
        """Private address -> firewall."""
        found = {}
        for firewall in self.estate.list_of_type(FIREWALL_TYPE):
            listed = get_properties(firewall).get("ipConfigurations")
            for entry in listed if isinstance(listed, list) else ():
                address = (entry.get("properties") or {}).get("privateIPAddress")
                if isinstance(address, str):
                    found[address] = firewall
        return found

    def list_endpoints(self, machine: Resource) -> Iterator[Endpoint]:
        """The addresses of a machine."""
        for interface in self.network.list_interfaces(machine):
            for configuration in interface.configurations:
                yield Endpoint(interface, configuration)

    def walk(self, source: Endpoint, flow: PathFlow) -> FlowPath:
        """Follow a flow from a machine's address to its end."""
        hops = [PathHop("source", source.interface.id)]
        subnet = self.network.get_subnet(source.configuration.subnet)
        stages = self._decide_flow(source, flow, flow.destination, inbound=False)
        rule = _find_deciding_rule(stages)
        if not _passes(stages, source.interface.id):
            return FlowPath(
                FlowDisposition.DENIED_OUT,
                (*hops, PathHop("security rules", *_find_named_stage(stages))),
                rule,
            )
        return self._follow_routes(source, flow, subnet, hops, rule)

    def _decide_flow(
        self, end: Endpoint, flow: PathFlow, remote: str, *, inbound: bool
    ) -> list[tuple[str, FlowDecision]]:
        return self.network.decide(
            end.interface,
            end.configuration,
            flow.protocol,
            remote,
            flow.port,
            source_port=flow.source_port,
            inbound=inbound,
        )

    def _follow_routes(
        self, source: Endpoint, flow: PathFlow, subnet: Subnet, hops: list[PathHop], rule: str
    ) -> FlowPath:
        """Follow routes from a subnet until the flow is delivered, leaves or is dropped."""
        for _ in range(LONGEST_WAY):
            hops.append(PathHop("subnet", subnet.id.lower()))
            if self._find_private_endpoint(subnet, flow.destination) is not None:
                return self._deliver_to_endpoint(source, flow, subnet, hops, rule)
            route = self.routes.build_routes(subnet).find_next_hop(flow.destination)
            if route is None or route.next_hop == NONE:
                return FlowPath(FlowDisposition.DROPPED, (*hops, _build_route_hop(route)), rule)
            if route.next_hop in (LOCAL, PEERING):
                return self._deliver_to_endpoint(source, flow, subnet, hops, rule)
            hops.append(_build_route_hop(route))
            if route.next_hop == INTERNET:
                return self._leave_to_internet(source, hops, rule, is_direct=len(hops) <= 3)
            if route.next_hop != APPLIANCE:
                return FlowPath(FlowDisposition.EXITS, tuple(hops), rule)
            firewall = self._find_appliance(read_appliance(route))
            decision = evaluate_firewall_rules(
                list_firewall_rules(firewall, self.estate),
                FirewallFlow(
                    source.configuration.address, flow.destination, flow.protocol, flow.port, flow.fqdn
                ),
                self.network.service_tags.addresses,
            )
            rule = decision.rule.name if decision.rule else ""
            hops.append(PathHop("firewall", firewall.key, rule))
            if not decision.allow:
                return FlowPath(FlowDisposition.DENIED_BY_FIREWALL, tuple(hops), rule)
            subnet = self._find_subnet_of_firewall(firewall)
        raise DataNotCollectedError(
            f"the way to {flow.destination}: its routes are a loop", "unreadable-rule"
        )

    def _find_private_endpoint(self, subnet: Subnet, address: str) -> PrivateEndpoint | None:
        """The private endpoint that an address leads to, in the network or a peer: it has a route of its own."""
        network = self.estate.resources[subnet.network]
        for home in (subnet.network, *(peer for peer, _ in list_peers(network))):
            found = self.private_endpoints.find_endpoint(home, address)
            if found is not None:
                return found
        return None

    def _find_appliance(self, address: str) -> Resource:
        firewall = self._firewalls.get(address)
        if firewall is None:
            raise DataNotCollectedError(f"what the network appliance at {address} forwards")
        return firewall

    def _find_subnet_of_firewall(self, firewall: Resource) -> Subnet:
        listed = get_properties(firewall).get("ipConfigurations")
        for entry in listed if isinstance(listed, list) else ():
            subnet = get_reference((entry.get("properties") or {}).get("subnet"))
            if subnet:
                return self.network.get_subnet(subnet)
        raise DataNotCollectedError(f"the subnet of {firewall.key}")

    def _leave_to_internet(
        self, source: Endpoint, hops: list[PathHop], rule: str, *, is_direct: bool
    ) -> FlowPath:
        """The end of a flow at the Internet: behind a firewall its own address serves."""
        if not is_direct:
            return FlowPath(FlowDisposition.EXITS, tuple(hops), rule)
        access = self.outbound.find_access(source.interface, source.configuration)
        if not access.kind:
            return FlowPath(FlowDisposition.NO_OUTBOUND, tuple(hops), rule)
        return FlowPath(FlowDisposition.EXITS, (*hops, PathHop(access.kind, access.via)), rule)

    def _deliver_to_endpoint(
        self, source: Endpoint, flow: PathFlow, subnet: Subnet, hops: list[PathHop], rule: str
    ) -> FlowPath:
        """The end of a flow inside virtual networks."""
        network = self.estate.resources[subnet.network]
        homes = [subnet.network, *(peer for peer, _ in list_peers(network))]
        if flow.destination not in self._read_address_space(subnet.network):
            homes = homes[1:]
        target = self._find_subnet(homes, flow.destination)
        if target is None:
            hops.append(PathHop("virtual network", subnet.network))
            return FlowPath(FlowDisposition.NO_ROUTE, tuple(hops), rule)
        if target.id.lower() != subnet.id.lower():
            hops.append(PathHop("virtual network", target.network))
            hops.append(PathHop("subnet", target.id.lower()))
        endpoint = self.private_endpoints.find_endpoint(target.network, flow.destination)
        if endpoint is not None and not self.private_endpoints.is_filtered(endpoint.subnet):
            return FlowPath(
                FlowDisposition.ACCEPTED,
                (*hops, PathHop("private endpoint", endpoint.service or endpoint.id)),
                rule,
            )
        owner = self._owners.get((target.network, flow.destination))
        if owner is None:
            return self._deliver_service(source, flow, target, hops, rule)
        stages = self._decide_flow(owner, flow, source.configuration.address, inbound=True)
        decided = _find_deciding_rule(stages) or rule
        if not _passes(stages, owner.interface.id):
            return FlowPath(
                FlowDisposition.DENIED_IN,
                (*hops, PathHop("security rules", *_find_named_stage(stages))),
                decided,
            )
        return FlowPath(
            FlowDisposition.ACCEPTED, (*hops, PathHop("destination", owner.interface.id)), decided
        )

    def _read_address_space(self, network: str) -> AddressSet:
        return AddressSet.of(read_space(self.estate.resources[network]))

    def _find_subnet(self, homes: list[str], address: str) -> Subnet | None:
        for home in homes:
            if home not in self.estate.resources:
                raise DataNotCollectedError(home)
            for subnet in self.network.subnets.values():
                if subnet.network == home and address in subnet.prefixes:
                    return subnet
        return None

    def _deliver_service(
        self, source: Endpoint, flow: PathFlow, subnet: Subnet, hops: list[PathHop], rule: str
    ) -> FlowPath:
        """The end of a flow at a service that has the address without an interface in the estate."""
        service = self.services.find_service(subnet, flow.destination)
        if service is None:
            return FlowPath(FlowDisposition.NO_HOST, tuple(hops), rule)
        stage = self.network.decide_subnet(
            subnet,
            flow.destination,
            flow.protocol,
            source.configuration.address,
            flow.port,
            source_port=flow.source_port,
        )
        decided = _find_deciding_rule(stage) or rule
        if not _passes(stage, subnet.id):
            return FlowPath(
                FlowDisposition.DENIED_IN,
                (*hops, PathHop("security rules", *_find_named_stage(stage))),
                decided,
            )
        hops.append(PathHop("destination", service.id))
        listener = service.find_listener(flow.protocol, flow.port)
        if listener is None:
            return FlowPath(FlowDisposition.NO_LISTENER, tuple(hops), decided)
        if listener:
            hops.append(PathHop("container", listener))
        return FlowPath(FlowDisposition.ACCEPTED, tuple(hops), decided)


def _build_route_hop(route: EffectiveRoute | None) -> PathHop:
    if route is None:
        return PathHop("route", "")
    return PathHop(f"route to {route.next_hop}", route.table, route.name or route.prefix)


def _passes(stages: Sequence[tuple[str, FlowDecision]], what: str) -> bool:
    """Return whether all stages allow; raises DataNotCollectedError where a service tag could decide."""
    found = passes(stages)
    if found is None:
        tags = sorted({tag for _, decision in stages for tag in decision.opaque})
        raise DataNotCollectedError(f"the prefixes of service tags {', '.join(tags)} at {what}")
    return found


def _find_deciding_stage(stages: Sequence[tuple[str, FlowDecision]]) -> tuple[str, FlowDecision] | None:
    """The stage that decides: the first that denies, else the last."""
    return next((one for one in stages if one[1].allow is False), stages[-1] if stages else None)


def _find_deciding_rule(stages: Sequence[tuple[str, FlowDecision]]) -> str:
    found = _find_deciding_stage(stages)
    return found[1].rule.name if found and found[1].rule else ""


def _find_named_stage(stages: Sequence[tuple[str, FlowDecision]]) -> tuple[str, str]:
    found = _find_deciding_stage(stages)
    return (found[0], _find_deciding_rule(stages)) if found else ("", "")
