"""The network of an estate: which rules stand before a machine, and what they let through.

Inbound traffic passes the subnet's network security group, then the interface's; outbound the other way round; no group
at a level lets everything pass. Rules are read as Azure evaluates them, after destination translation.
Source: https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nephoscope.estate.addresses import PUBLIC, AddressSet
from nephoscope.estate.admin_rules import (
    ADMIN_RULE_TYPE,
    MANAGER_TYPE,
    AdminRuleIndex,
)
from nephoscope.estate.admin_rules import READS as ADMIN_RULE_READS
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.gateway_prefixes import READS as GATEWAY_READS
from nephoscope.estate.network_interfaces import (
    Interface,
    IpConfiguration,
    list_references,
    parse_interface,
    parse_model_interfaces,
)
from nephoscope.estate.reachability import (
    Clause,
    FlowDecision,
    Opening,
    Side,
    build_clauses,
    decide,
    resolve_sides,
    select_rules,
)
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.rule_stages import build_stages, find_openings, list_regions, passes
from nephoscope.estate.security_rules import EVERY_PORT, SecurityRule, SecurityRuleError, list_rules
from nephoscope.estate.service_tag_table import SERVICE_TAGS_TYPE, ServiceTagTable, read_service_tags
from nephoscope.estate.service_tags import PLATFORM, ServiceTags
from nephoscope.estate.subnets import (
    NETWORK_TYPE,
    ROUTE_TABLE_TYPE,
    SUBNET_TYPE,
    Subnet,
    list_subnets,
    read_subnets,
    resolve_virtual_network_tag,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope.estate.addresses import Interval
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

INTERFACE_TYPE = "microsoft.network/networkinterfaces"
GROUP_TYPE = "microsoft.network/networksecuritygroups"
MACHINE_TYPE = "microsoft.compute/virtualmachines"
SCALE_SET_TYPE = "microsoft.compute/virtualmachinescalesets"

READS = (
    MACHINE_TYPE,
    INTERFACE_TYPE,
    GROUP_TYPE,
    NETWORK_TYPE,
    SUBNET_TYPE,
    ROUTE_TABLE_TYPE,
    *ADMIN_RULE_READS,
    SERVICE_TAGS_TYPE,
    *GATEWAY_READS,
)


@dataclass(frozen=True, slots=True, eq=False)
class SecurityFilter:
    """A network security group as one address sees it; the same object for every address that sees it alike."""

    group: str
    clauses: tuple[Clause, ...]


class Network:
    """Questions about the network of one estate; indexes are built once, on first use.

    `tags` maps lower-cased service tags to their prefixes (None = the table that the estate holds); a tag outside it stays opaque.
    `rules` are those of groups as they would be, first match first, in place of what the estate has.
    Methods raise DataNotCollectedError where the answer depends on something that was not read.
    """

    def __init__(
        self,
        estate: AnalyzerEstate,
        tags: Mapping[str, AddressSet] | None = None,
        rules: Mapping[str, tuple[SecurityRule, ...]] | None = None,
    ) -> None:
        self.estate = estate
        self._given = tags
        self._rules: dict[str, tuple[SecurityRule, ...]] = dict(rules or {})
        self._tags: dict[tuple[str, str], ServiceTags] = {}
        self._sides: dict[tuple[str, int, bool], tuple[Side, ...]] = {}
        self._asked: dict[tuple[str, str, bool], SecurityFilter] = {}
        self._filters: dict[object, SecurityFilter] = {}
        self._openings: dict[object, list[Opening]] = {}
        self._strangers: dict[str, AddressSet] = {}

    @cached_property
    def service_tags(self) -> ServiceTagTable:
        """The table of service tags that the estate holds."""
        return read_service_tags(self.estate)

    @cached_property
    def tag_table(self) -> dict[str, AddressSet]:
        """Lower-cased service tag -> its prefixes."""
        return dict(self.service_tags.addresses if self._given is None else self._given)

    @cached_property
    def subnets(self) -> dict[str, Subnet]:
        """Lower-cased id -> subnet."""
        return list_subnets(self.estate)

    @cached_property
    def route_tables(self) -> dict[str, Resource]:
        """Lower-cased id -> route table."""
        return {table.key: table for table in self.estate.list_of_type(ROUTE_TABLE_TYPE)}

    @cached_property
    def _group_members(self) -> dict[str, AddressSet]:
        members: dict[str, AddressSet] = defaultdict(AddressSet)
        for card in self.estate.list_of_type(INTERFACE_TYPE):
            for configuration in parse_interface(card.key, require_complete(card)).configurations:
                for group in configuration.groups:
                    members[group] |= configuration.addresses
        return members

    def find_group_members(self, group: str) -> AddressSet:
        """The private addresses in an application security group."""
        return self._group_members.get(group, AddressSet())

    def get_rules(self, group: str) -> tuple[SecurityRule, ...]:
        """The rules of a network security group by its lower-cased id, first match first."""
        found = self._rules.get(group)
        if found is None:
            resource = self._require_resource(group)
            try:
                found = self._rules[group] = list_rules(resource)
            except SecurityRuleError as error:
                raise DataNotCollectedError(str(error), cause="unreadable-rule") from error
        return found

    def _require_resource(self, key: str) -> Resource:
        resource = self.estate.resources.get(key)
        if resource is None or not resource.complete:
            raise DataNotCollectedError(key if resource is None else f"the properties of {key}")
        return resource

    def list_interfaces(self, machine: Resource) -> tuple[Interface, ...]:
        """The network interfaces of a machine or a scale set."""
        body = get_properties(self._require_resource(machine.key))
        if machine.type == SCALE_SET_TYPE:
            profile: object = body.get("virtualMachineProfile")
            return parse_model_interfaces(
                machine.key, profile.get("networkProfile") if isinstance(profile, dict) else None
            )
        profile = body.get("networkProfile")
        if not isinstance(profile, dict):
            raise DataNotCollectedError(f"properties.networkProfile of {machine.key}")
        cards = [self._require_resource(key) for key in list_references(profile.get("networkInterfaces"))]
        return tuple(
            parse_interface(card.key, get_properties(card)) for card in cards
        ) + parse_model_interfaces(machine.key, profile)

    def get_subnet(self, key: str) -> Subnet:
        """A subnet by its lower-cased id."""
        found = self.subnets.get(key)
        if found is None or not found.known:
            network = self.estate.resources.get(key.partition("/subnets/")[0])
            if network is not None and found is None:
                read_subnets(network)  # raises why its subnets are not known
            raise DataNotCollectedError(key or f"the subnet in the properties of {INTERFACE_TYPE}")
        return found

    def list_security_groups(self, interface: Interface, configuration: IpConfiguration) -> tuple[str, ...]:
        """The groups that inbound traffic to an address passes, in order: the subnet's, then the interface's."""
        found = (self.get_subnet(configuration.subnet).security_group, interface.security_group)
        return tuple(group for group in found if group)

    def is_protected(self, interface: Interface) -> bool:
        """Return whether a network security group stands before every address of an interface."""
        if interface.security_group:
            return True
        return all(
            self.list_security_groups(interface, configuration) for configuration in interface.configurations
        )

    def get_service_tags(self, subnet: Subnet) -> ServiceTags:
        """Return what the service tags mean for an address in a subnet."""
        key = (subnet.network, subnet.route_table)
        found = self._tags.get(key)
        if found is None:
            network = self._require_resource(subnet.network)
            if subnet.route_table:
                self._require_resource(subnet.route_table)
            space = resolve_virtual_network_tag(network, [subnet], self.route_tables, self.estate)
            found = self._tags[key] = ServiceTags(space, self.tag_table)
        return found

    def find_internet_addresses(self, configuration: IpConfiguration) -> AddressSet:
        """The addresses that strangers have: all public ones but those of the network itself and of its peers.

        Prefixes of routes are among them, although the tag VirtualNetwork means them too: a rule that allows it lets strangers in.
        """
        key = self.get_subnet(configuration.subnet).network
        found = self._strangers.get(key)
        if found is None:
            found = PUBLIC - PLATFORM - resolve_virtual_network_tag(self._require_resource(key), [], {})
            self._strangers[key] = found
        return found

    def build_filters(
        self, interface: Interface, configuration: IpConfiguration, *, inbound: bool = True
    ) -> list[SecurityFilter]:
        """The groups that traffic passes in order, each with the clauses that concern the address."""
        groups = self.list_security_groups(interface, configuration)
        return [
            self._filter_by_security_group(group, configuration, inbound)
            for group in (groups if inbound else groups[::-1])
        ]

    def _filter_by_security_group(
        self, group: str, configuration: IpConfiguration, inbound: bool
    ) -> SecurityFilter:
        asked = (group, configuration.id, inbound)
        found = self._asked.get(asked)
        if found is None:
            found = self._asked[asked] = self._build_shared_filter(group, configuration, inbound)
        return found

    def _build_shared_filter(
        self, group: str, configuration: IpConfiguration, inbound: bool
    ) -> SecurityFilter:
        """The one filter of all addresses that see a group alike."""
        subnet = self.get_subnet(configuration.subnet)
        tags = self.get_service_tags(subnet)
        listed = self._sides.get((group, id(tags), inbound))
        if listed is None:
            listed = self._sides[group, id(tags), inbound] = resolve_sides(
                self.get_rules(group), inbound=inbound, tags=tags
            )
        rules = select_rules(listed, configuration.addresses or subnet.prefixes, configuration.groups)
        key = (group, id(tags), inbound, tuple(rule.id for rule in rules))
        found = self._filters.get(key)
        if found is None:
            found = self._filters[key] = SecurityFilter(
                group, build_clauses(rules, tags, self.find_group_members)
            )
        return found

    @cached_property
    def _admin_rules(self) -> AdminRuleIndex:
        return AdminRuleIndex(self.estate)

    def build_admin_filters(
        self, interface: Interface, configuration: IpConfiguration, *, inbound: bool = True
    ) -> tuple[SecurityFilter | None, ...]:
        """The security admin rules that traffic passes first; None = none. Two alternatives where it is not known whether they
        are deployed."""
        self._require_managers(interface)
        network = self.get_subnet(configuration.subnet).network
        if not tuple(self.estate.list_of_type(ADMIN_RULE_TYPE)):
            return (None,)
        over = self._admin_rules.find_rules(network)
        if not over.rules:
            return (None,)
        key = (network, configuration.id, inbound)
        found = self._filters.get(key)
        if found is None:
            subnet = self.get_subnet(configuration.subnet)
            tags = self.get_service_tags(subnet)
            rules = select_rules(
                resolve_sides(over.rules, inbound=inbound, tags=tags),
                configuration.addresses or subnet.prefixes,
                configuration.groups,
            )
            found = SecurityFilter("", build_clauses(rules, tags, self.find_group_members))
            self._filters[key] = found
        return (found,) if over.deployed else (found, None)

    def _require_managers(self, interface: Interface) -> None:
        """Raise DataNotCollectedError where network managers or their rules were not read."""
        subscription = "/".join(interface.id.split("/")[:3])
        coverage = self.estate.coverage
        managers = bool(tuple(self.estate.list_of_type(MANAGER_TYPE)))
        for type_ in (MANAGER_TYPE, *([ADMIN_RULE_TYPE] if managers else [])):
            if coverage.declared and not coverage.covers(type_, subscription):
                raise DataNotCollectedError(f"{type_} in {subscription}")

    def find_openings(
        self,
        interface: Interface,
        configuration: IpConfiguration,
        protocol: str,
        remote: AddressSet,
        ports: tuple[Interval, ...] = EVERY_PORT,
        *,
        inbound: bool = True,
    ) -> list[Opening]:
        """Return what of the traffic from `remote` to the ports reaches an address, with the rules that allow it; else the
        other way round.

        No group on the way gives one opening without rules per family.
        """
        filters = self.build_filters(interface, configuration, inbound=inbound)
        several = [
            self._find_openings(admin, filters, protocol, remote, ports)
            for admin in self.build_admin_filters(interface, configuration, inbound=inbound)
        ]
        if any(list_regions(one) != list_regions(several[0]) for one in several):
            raise _build_deployment_gap(interface)
        return several[0]

    def _find_openings(
        self,
        admin: SecurityFilter | None,
        filters: list[SecurityFilter],
        protocol: str,
        remote: AddressSet,
        ports: tuple[Interval, ...],
    ) -> list[Opening]:
        key = (admin, tuple(filters), protocol, remote, ports)
        found = self._openings.get(key)
        if found is None:
            found = self._openings[key] = find_openings(
                () if admin is None else admin.clauses,
                [entry.clauses for entry in filters],
                protocol,
                remote,
                ports,
            )
        return found

    def decide(
        self,
        interface: Interface,
        configuration: IpConfiguration,
        protocol: str,
        address: str,
        port: int,
        *,
        source_port: int = 49152,
        inbound: bool = True,
    ) -> list[tuple[str, FlowDecision]]:
        """IP flow verify: per stage on the way, whether the flow passes and by which rule; it passes when all allow.

        A stage is a security admin configuration where one of its rules is about the flow, then each network security group.
        """
        groups = [
            (found.group, decide(found.clauses, protocol, address, source_port, port))
            for found in self.build_filters(interface, configuration, inbound=inbound)
        ]
        several = [
            groups
            if admin is None
            else build_stages(admin.clauses, groups, protocol, address, source_port, port)
            for admin in self.build_admin_filters(interface, configuration, inbound=inbound)
        ]
        if len({passes(one) for one in several}) > 1:
            raise _build_deployment_gap(interface)
        return several[0]

    def decide_subnet(
        self,
        subnet: Subnet,
        local: str,
        protocol: str,
        address: str,
        port: int,
        *,
        source_port: int = 49152,
    ) -> list[tuple[str, FlowDecision]]:
        """IP flow verify for an address of a subnet that is no interface's: by the subnet's group alone."""
        end = IpConfiguration(
            f"{subnet.id.lower()}/{local}", subnet.id.lower(), AddressSet.of([local]), address=local
        )
        return self.decide(
            Interface(subnet.id.lower(), "", False, (end,)),
            end,
            protocol,
            address,
            port,
            source_port=source_port,
        )


def _build_deployment_gap(interface: Interface) -> DataNotCollectedError:
    return DataNotCollectedError(
        f"whether the security admin rules over {interface.id} are deployed", cause="security-admin-rules"
    )
