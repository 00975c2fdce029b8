"""Ways in from the Internet to a machine: public addresses, load balancers, application gateways, firewalls.

A NAT gateway and a Bastion host are no ways in: the first only lets connections out, the second lets signed-in people
through its own portal.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import PUBLIC, PUBLIC_OF_FAMILY, AddressSet
from nephoscope.estate.application_gateways import GATEWAY_TYPE, iterate_public_routes, list_gateway_subnets
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.firewall_rules import find_admitted_clients, list_firewall_rules
from nephoscope.estate.firewalls import (
    FIREWALL_TYPE,
    HUB_CONNECTION_TYPE,
    IP_GROUP_TYPE,
    POLICY_TYPE,
    RULE_GROUP_TYPE,
    find_reach,
    iterate_dnat_rules,
)
from nephoscope.estate.ingress_paths import IngressPath, ReachablePort, is_broad, is_broad_set, opens_port
from nephoscope.estate.load_balancers import LOAD_BALANCER_TYPE, Forwarding, Forwardings
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.network_peers import NetworkPeers
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.security_rules import EVERY_PORT
from nephoscope.estate.subnets import NETWORK_TYPE
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nephoscope.estate.addresses import Interval
    from nephoscope.estate.application_gateways import GatewayRoute
    from nephoscope.estate.firewall_rules import FirewallRule
    from nephoscope.estate.firewalls import Translation
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening
    from nephoscope_policy.model.resource import Resource

PUBLIC_ADDRESS_TYPE = "microsoft.network/publicipaddresses"
WAY_TYPES = (LOAD_BALANCER_TYPE, GATEWAY_TYPE, FIREWALL_TYPE)
READS = (
    PUBLIC_ADDRESS_TYPE,
    *WAY_TYPES,
    POLICY_TYPE,
    RULE_GROUP_TYPE,
    HUB_CONNECTION_TYPE,
    IP_GROUP_TYPE,
)


class ExposureIndex:
    """Ways in of every machine of an estate; indexes are built once.

    `find_ingress_paths` gives what was found and what was not read but could be another way: a caller may conclude from a way that
    is there, and not from the absence of one while something is missing.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.estate = network.estate
        self._peers = NetworkPeers(network.estate)
        self._firewall_rules: dict[str, list[FirewallRule]] = {}
        self._unread: dict[tuple[str, str], tuple[str, ...]] = {}

    @cached_property
    def _forwardings(self) -> Forwardings:
        found = Forwardings()
        for balancer in self.estate.list_of_type(LOAD_BALANCER_TYPE):
            found.add(balancer)
        return found

    @cached_property
    def _member_pools(self) -> dict[str, list[tuple[str, str]]]:
        """Address -> (network, pool) of the load balancer pools that name it."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for pool, members in self._forwardings.members.items():
            for network, address in members:
                found[address].append((network, pool))
        return found

    @cached_property
    def _fronts(self) -> dict[str, list[Forwarding]]:
        """Private frontend address -> what internal load balancers forward from it."""
        found: dict[str, list[Forwarding]] = defaultdict(list)
        for rule in self._forwardings.rules.values():
            if rule.private:
                found[rule.private].append(rule)
        return found

    @cached_property
    def _routes(self) -> list[GatewayRoute]:
        return [
            route
            for gateway in self.estate.list_of_type(GATEWAY_TYPE)
            for route in iterate_public_routes(gateway)
        ]

    @cached_property
    def _routes_by_target(self) -> dict[str, list[GatewayRoute]]:
        """Pool id, IP configuration id or address -> routes."""
        found: dict[str, list[GatewayRoute]] = defaultdict(list)
        for route in self._routes:
            for target in {route.pool, *route.configurations, *route.addresses}:
                found[target].append(route)
        return found

    @cached_property
    def _translations(self) -> tuple[dict[str, list[Translation]], tuple[str, ...]]:
        """Translated address -> DNAT rules; and what was missing to read them all."""
        found: dict[str, list[Translation]] = defaultdict(list)
        missing: list[str] = []
        for firewall in self.estate.list_of_type(FIREWALL_TYPE):
            try:
                for rule in iterate_dnat_rules(firewall, self.estate):
                    found[rule.address].append(rule)
            except DataNotCollectedError as gap:
                missing.append(gap.what)
        return found, tuple(missing)

    @cached_property
    def _bodiless(self) -> tuple[str, ...]:
        """Ways in, and networks that peer, that came without properties: any of them could lead anywhere."""
        return tuple(
            f"the properties of {resource.key}"
            for type_ in (*WAY_TYPES, NETWORK_TYPE)
            for resource in self.estate.list_of_type(type_)
            if not resource.complete
        )

    def _collect_translated_addresses(self, subnets: Iterable[str]) -> AddressSet:
        found = AddressSet()
        for key in subnets:
            subnet = self.network.subnets.get(key)
            if subnet is None or not subnet.known:
                raise DataNotCollectedError(key)
            found |= subnet.prefixes
        return found

    def are_joined(self, network: str, other: str) -> bool:
        """Return whether two virtual networks (their lower-cased ids) are one or peered with each other."""
        return self._peers.are_joined((network,), other)

    def find_ingress_paths(
        self, interface: Interface, configuration: IpConfiguration
    ) -> tuple[tuple[IngressPath, ...], tuple[str, ...]]:
        """Every way in to an address of an interface, and what was not read that could be another."""
        found: list[IngressPath] = []
        network = configuration.subnet.split("/subnets/")[0]
        missing: list[str] = [
            *self._list_unread_types(_find_subscription(interface.id), network),
            *self._bodiless,
        ]
        for step in (
            self._list_public_addresses,
            self._list_balancers,
            self._list_gateways,
            self._list_translations,
        ):
            try:
                found.extend(step(configuration))
            except DataNotCollectedError as gap:
                missing.append(gap.what)
        missing.extend(self._translations[1])
        return tuple(found), tuple(dict.fromkeys(missing))

    def _list_public_addresses(self, configuration: IpConfiguration) -> Iterator[IngressPath]:
        for key in configuration.public_addresses:
            address = self.estate.resources.get(key)
            unread, clients = key if address is None else "", PUBLIC_OF_FAMILY[configuration.family]
            yield IngressPath(
                "public address", (key,), "*", EVERY_PORT, clients, None, self._is_standard(address), unread
            )
        if configuration.inline_public:
            standard = configuration.inline_public.lower() == "standard"
            clients = PUBLIC_OF_FAMILY[configuration.family]
            yield IngressPath("public address", (configuration.id,), "*", EVERY_PORT, clients, None, standard)

    def _is_standard(self, address: Resource | None) -> bool:
        sku = address.body.get("sku") if address is not None else None
        return isinstance(sku, dict) and str(sku.get("name", "")).lower().startswith("standard")

    def _list_balancers(self, configuration: IpConfiguration) -> Iterator[IngressPath]:
        for rule in self._list_forwardings(configuration):
            if rule.public:
                via, clients = (rule.public, rule.rule), PUBLIC_OF_FAMILY[configuration.family]
                yield IngressPath(
                    "load balancer", via, rule.protocol, rule.ports, clients, None, rule.standard
                )

    def _list_forwardings(self, configuration: IpConfiguration) -> list[Forwarding]:
        index = self._forwardings
        found = list(index.configurations.get(configuration.id, ()))
        for key in configuration.nat_rules:
            self._require_balancer(key)
            if key in index.rules:
                found.append(index.rules[key])
        for pool in configuration.pools:
            self._require_balancer(pool)
            found += index.pools.get(pool, ())
        network = configuration.subnet.split("/subnets/")[0]
        for address in _format_private_addresses(configuration):
            for owner, pool in self._member_pools.get(address, ()):
                if owner == network:
                    found += index.pools.get(pool, ())
        return list(dict.fromkeys(found))

    def _require_balancer(self, key: str) -> None:
        owner = "/".join(key.split("/")[:9])
        if owner not in self.estate.resources:
            raise DataNotCollectedError(owner)

    def _list_gateways(self, configuration: IpConfiguration) -> Iterator[IngressPath]:
        for pool in configuration.gateway_pools:
            self._require_balancer(pool)
        network = configuration.subnet.split("/subnets/")[0]
        for target in (
            *configuration.gateway_pools,
            configuration.id,
            *_format_private_addresses(configuration),
        ):
            for route in self._routes_by_target.get(target, ()):
                subnets = list_gateway_subnets(self.estate.resources[route.gateway])
                homes = [subnet.split("/subnets/")[0] for subnet in subnets]
                if target in route.addresses and not self._peers.are_joined(homes, network):
                    continue
                via = (route.public, route.gateway)
                yield IngressPath(
                    "application gateway",
                    via,
                    "tcp",
                    ((route.port, route.port),),
                    PUBLIC,
                    self._collect_translated_addresses(subnets),
                )

    def _list_translations(self, configuration: IpConfiguration) -> Iterator[IngressPath]:
        network = configuration.subnet.split("/subnets/")[0]
        for address in _format_private_addresses(configuration):
            for rule in self._translations[0].get(address, ()):
                yield from self._list_paths_through_firewall(rule, network, ((rule.port, rule.port),))
        for forwarding in self._list_forwardings(configuration):
            for rule in self._translations[0].get(forwarding.private, ()):
                if any(low <= rule.port <= high for low, high in forwarding.frontend_ports):
                    yield from self._list_paths_through_firewall(rule, network, forwarding.ports)

    def _list_paths_through_firewall(
        self, rule: Translation, network: str, ports: tuple[Interval, ...]
    ) -> Iterator[IngressPath]:
        subnets, networks = find_reach(self.estate.resources[rule.firewall], self.estate)
        if not self._peers.are_joined(networks, network):
            self._require_connections(rule.firewall)
            return
        seen_as = self._collect_translated_addresses(subnets) if subnets else None
        rules = self._read_rules(rule.firewall)
        for protocol in rule.protocols:
            clients = find_admitted_clients(rules, rule.clients & PUBLIC, protocol, rule.address, rule.port)
            if clients:
                via = (rule.firewall, rule.name)
                yield IngressPath("firewall translation", via, protocol, ports, clients, seen_as)

    def _read_rules(self, firewall: str) -> list[FirewallRule]:
        found = self._firewall_rules.get(firewall)
        if found is None:
            resource = self.estate.resources[firewall]
            found = self._firewall_rules[firewall] = list_firewall_rules(resource, self.estate)
        return found

    def _require_connections(self, firewall: str) -> None:
        """Raise DataNotCollectedError where a firewall lies in a virtual hub whose networks were not read."""
        hub = get_reference(get_properties(self.estate.resources[firewall]).get("virtualHub"))
        if hub and not self.estate.coverage.covers(HUB_CONNECTION_TYPE, hub):
            raise DataNotCollectedError(f"the network connections of {hub}")

    def _list_unread_types(self, subscription: str, network: str) -> tuple[str, ...]:
        """What was not read of the ways in to interfaces of a subscription in a network, worked out once for all of them."""
        found = self._unread.get((subscription, network))
        if found is None:
            found = self._unread[subscription, network] = tuple(
                self._find_unread_types(subscription, network)
            )
        return found

    def _find_unread_types(self, subscription: str, network: str) -> Iterator[str]:
        """The types of ways in that were not read in the subscription and in those of the network's peers, and unread peers.

        A firewall or an application gateway leads to peers of its network, which lie in other subscriptions as often as not.
        """
        coverage = self.estate.coverage
        peers, gaps = self._peers.list_connected_networks(network)
        for scope in dict.fromkeys((subscription, *map(_find_subscription, peers))):
            for type_ in WAY_TYPES:
                if coverage.covers(type_, scope) and type_ not in coverage.gaps:
                    continue
                if coverage.declared or type_ in coverage.gaps or type_ in self._traces:
                    yield f"{type_} in {scope}"
        yield from gaps

    @cached_property
    def _traces(self) -> frozenset[str]:
        """Types of ways in that something points to although none of that id was read (inferred coverage)."""
        pointed = [
            get_reference(get_properties(address).get("ipConfiguration"))
            for address in self.estate.list_of_type(PUBLIC_ADDRESS_TYPE)
        ]
        for subnet in self.network.subnets.values():
            pointed += subnet.attached_configurations
            if subnet.name == "azurefirewallsubnet":
                pointed.append(self._trace_firewall(subnet.id.lower()))
        owners = {"/".join(key.split("/")[:9]) for key in pointed if key}
        return frozenset(
            ResourceId.parse(owner).type for owner in owners if owner not in self.estate.resources
        ).intersection(WAY_TYPES)

    def _trace_firewall(self, subnet: str) -> str:
        """The id of a firewall in its reserved subnet, or of one that must be there."""
        for firewall in self.estate.list_of_type(FIREWALL_TYPE):
            if subnet in find_reach(firewall, self.estate)[0]:
                return firewall.key
        return f"{subnet.split('/providers/', maxsplit=1)[0]}/providers/{FIREWALL_TYPE}/of-{subnet.split('/')[8]}"

    def is_internet_facing(self, machine: Resource) -> bool:
        """Return whether any way in leads to the machine; raises DataNotCollectedError where none was found and something is
        missing."""
        missing: list[str] = []
        for interface in self.network.list_interfaces(machine):
            for configuration in interface.configurations:
                found, gaps = self.find_ingress_paths(interface, configuration)
                if found:
                    return True
                missing += gaps
        if missing:
            raise DataNotCollectedError(", ".join(dict.fromkeys(missing)))
        return False

    def find_reached_ports(
        self, machine: Resource, protocol: str, ports: Iterable[int]
    ) -> tuple[list[ReachablePort], tuple[str, ...]]:
        """The ports of a machine that the Internet reaches, and what was not read that could reach more."""
        found: list[ReachablePort] = []
        missing: list[str] = []
        wanted = tuple(ports)
        for interface in self.network.list_interfaces(machine):
            for configuration in interface.configurations:
                ways, gaps = self.find_ingress_paths(interface, configuration)
                missing += gaps
                for way in ways:
                    try:
                        found += self._list_ports_on_path(interface, configuration, way, protocol, wanted)
                    except DataNotCollectedError as gap:
                        missing.append(gap.what)
        return found, tuple(dict.fromkeys(missing))

    def _list_ports_on_path(
        self,
        interface: Interface,
        configuration: IpConfiguration,
        way: IngressPath,
        protocol: str,
        ports: tuple[int, ...],
    ) -> Iterator[ReachablePort]:
        led = tuple(port for port in ports if way.covers(protocol, port))
        if not led:
            return
        grouped = bool(self.network.list_security_groups(interface, configuration))
        if not grouped and way.unread:
            raise DataNotCollectedError(way.unread)
        if not grouped and way.closed_by_default:
            return
        remote = (
            way.clients & self.network.find_internet_addresses(configuration)
            if way.seen_as is None
            else way.seen_as
        )
        area = tuple((port, port) for port in led)
        openings = self.network.find_openings(interface, configuration, protocol, remote, area)
        for port in led:
            hits = tuple(opening for opening in openings if opens_port(opening, port))
            if hits:
                yield ReachablePort(
                    protocol, port, way, hits if grouped else (), self._is_broad(way, hits, port)
                )

    def _is_broad(self, way: IngressPath, hits: tuple[Opening, ...], port: int) -> bool:
        if way.seen_as is not None:
            return is_broad_set(way.clients)
        return is_broad(hits, port)


def _format_private_addresses(configuration: IpConfiguration) -> list[str]:
    """The private addresses of an IP configuration as text."""
    return [configuration.address] if configuration.address else []


def _find_subscription(id_: str) -> str:
    return "/".join(id_.split("/")[:3])
