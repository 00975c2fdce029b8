"""NetworkSegment violations: flows between segments that the network model lets through and the plan does not allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import (
    AddressSet,
    Interval,
    intersect_intervals,
    merge_intervals,
    subtract_intervals,
)
from nephoscope.estate.admitted_traffic import list_admitted_traffic
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.gateway_prefixes import list_gateway_prefixes
from nephoscope.estate.network import MACHINE_TYPE
from nephoscope.estate.network_interfaces import Interface, IpConfiguration
from nephoscope.estate.security_rules import SecurityRuleError
from nephoscope.protect.segments.segment_plan import PROTOCOLS, build_segment_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from nephoscope.estate.estate_view import EstateView
    from nephoscope.estate.reachability import Opening
    from nephoscope.protect.segments.segment_plan import NetworkSegment, SegmentPlan
    from nephoscope_policy.model.resource import Resource


class SegmentMember(msgspec.Struct, frozen=True):
    """An address of a machine (its name and lower-cased id), or addresses that a segment names (no machine)."""

    name: str
    machine: str
    network: str
    addresses: AddressSet
    interface: Interface | None = None
    configuration: IpConfiguration | None = None


class SegmentViolation(msgspec.Struct, frozen=True):
    """Ports of a member that a member of another segment reaches against the plan, and the rules that let it.

    `translated` where the target sees an address of a gateway or firewall instead of the source's: no rule at the target names it.
    """

    source_segment: str
    target_segment: str
    source: SegmentMember
    target: SegmentMember
    protocol: str
    ports: tuple[Interval, ...]
    rules: tuple[str, ...]
    translated: bool = False


class SegmentAnalysis(msgspec.Struct, frozen=True):
    """The violations of a plan, the members of each segment, and what was not collected."""

    violations: tuple[SegmentViolation, ...]
    members: Mapping[str, Sequence[SegmentMember]]
    missing: tuple[str, ...]


def analyze_segments(plan: SegmentPlan, view: EstateView) -> SegmentAnalysis:
    """Compare what the network lets through between the segments of a plan with what it allows."""
    members, missing = select_members(plan, view)
    found: list[SegmentViolation] = []
    for source, sources in members.items():
        for target, targets in members.items():
            if source == target:
                continue
            for one in ((a, b) for a in sources for b in targets if b.interface and a.machine != b.machine):
                try:
                    found += _find_violations(plan, (source, target), one, view)
                except DataNotCollectedError as gap:
                    missing.append(gap.what)
                except SecurityRuleError as error:
                    missing.append(str(error))
    return SegmentAnalysis(tuple(found), members, tuple(dict.fromkeys(missing)))


def select_members(
    plan: SegmentPlan, view: EstateView
) -> tuple[dict[str, tuple[SegmentMember, ...]], list[str]]:
    """Return the members of each segment of a plan, and what was not collected of machines."""
    missing: list[str] = []
    machines = [
        one
        for resource in view.list_resources(MACHINE_TYPE)
        for one in _list_endpoints(resource, view, missing)
    ]
    return {name: _select_members(one, machines, view) for name, one in plan.segments.items()}, missing


def _list_endpoints(machine: Resource, view: EstateView, missing: list[str]) -> Iterator[SegmentMember]:
    try:
        for interface in view.network.list_interfaces(machine):
            for one in interface.configurations:
                network = one.subnet.split("/subnets/")[0]
                yield SegmentMember(machine.name, machine.key, network, one.addresses, interface, one)
    except DataNotCollectedError as gap:
        missing.append(gap.what)


def _select_members(
    segment: NetworkSegment, machines: Sequence[SegmentMember], view: EstateView
) -> tuple[SegmentMember, ...]:
    found = [one for one in machines if _is_in(segment, one, view)]
    named = build_segment_addresses(segment)
    for one in found:
        named -= one.addresses
    if named:
        found.append(SegmentMember("", "", "", named))
    return tuple(found)


def _is_in(segment: NetworkSegment, member: SegmentMember, view: EstateView) -> bool:
    subnet = member.configuration.subnet if member.configuration else ""
    tags = view.estate.resources[member.machine].body.get("tags")
    held = {str(name).lower(): value for name, value in tags.items()} if isinstance(tags, dict) else {}
    return (
        member.network in {one.lower() for one in segment.networks}
        or subnet in {one.lower() for one in segment.subnets}
        or any(held.get(name.lower()) == value for name, value in segment.tags.items())
        or bool(build_segment_addresses(segment) & member.addresses)
    )


def _find_violations(
    plan: SegmentPlan, segments: tuple[str, str], pair: tuple[SegmentMember, SegmentMember], view: EstateView
) -> Iterator[SegmentViolation]:
    source, target = pair
    if source.machine and not view.exposure.are_joined(source.network, target.network):
        return
    assert target.configuration is not None
    remote = source.addresses.select_family(target.configuration.family)
    if not remote:
        return  # an address reaches none of the other family
    arriving = {False: _list_direct_openings, True: _list_translated_openings}
    for protocol in PROTOCOLS:
        for translated, list_inward in arriving.items():
            inward = list_inward(view, source, target, protocol)
            ports = _list_ports(inward)
            if source.interface:
                outward = _list_openings(view, source, protocol, target.addresses, inbound=False)
                ports = intersect_intervals(ports, _list_ports(outward))
            ports = subtract_intervals(ports, plan.list_allowed_ports(*segments, protocol))
            if ports:
                rules = [
                    rule.id
                    for one in inward
                    if intersect_intervals(one.region.ports, ports)
                    for rule in one.rules
                ]
                yield SegmentViolation(
                    *segments, source, target, protocol, ports, tuple(dict.fromkeys(rules)), translated
                )
    if not source.machine:
        _require_paths(view, remote, target)


def _list_direct_openings(
    view: EstateView, source: SegmentMember, target: SegmentMember, protocol: str
) -> list[Opening]:
    """What reaches a target with the source's own address: within networks, or by a way in from the Internet."""
    assert target.configuration is not None
    remote = source.addresses.select_family(target.configuration.family)
    if source.machine:
        return _list_openings(view, target, protocol, remote, inbound=True)
    near = remote & _find_near_space(view, target)
    found = _list_openings(view, target, protocol, near, inbound=True) if near else []
    return found + _list_admitted_openings(view, remote, target, protocol, translated=False)


def _list_translated_openings(
    view: EstateView, source: SegmentMember, target: SegmentMember, protocol: str
) -> list[Opening]:
    """What reaches a target through a gateway or firewall that puts its own address in place of the source's."""
    if source.machine:
        return []
    return _list_admitted_openings(view, source.addresses, target, protocol, translated=True)


def _find_near_space(view: EstateView, target: SegmentMember) -> AddressSet:
    """The addresses that reach a target without the Internet: its network, peers, what lies behind gateways and routes."""
    assert target.configuration is not None
    return view.network.get_service_tags(view.network.get_subnet(target.configuration.subnet)).virtual_network


def _list_admitted_openings(
    view: EstateView, remote: AddressSet, target: SegmentMember, protocol: str, *, translated: bool
) -> list[Opening]:
    assert target.interface is not None
    assert target.configuration is not None
    ways, _ = view.exposure.find_ingress_paths(target.interface, target.configuration)
    return [
        opening
        for way in ways
        if (way.seen_as is not None) is translated
        for each, several in list_admitted_traffic(
            view.network, target.interface, target.configuration, way, remote
        )
        if each == protocol
        for opening in several
        if not opening.tag
    ]


def _require_paths(view: EstateView, remote: AddressSet, target: SegmentMember) -> None:
    """Raise DataNotCollectedError where addresses may reach a target by a way that was not read."""
    assert target.interface is not None
    assert target.configuration is not None
    strangers = remote & view.network.find_internet_addresses(target.configuration)
    missing: list[str] = []
    if strangers:
        missing += view.exposure.find_ingress_paths(target.interface, target.configuration)[1]
    if remote - strangers - _find_near_space(view, target):
        network = view.estate.resources[target.network]
        for gateway in list_gateway_prefixes(network, view.estate):
            missing += gateway.unknown
    if missing:
        raise DataNotCollectedError(", ".join(dict.fromkeys(missing)))


def _list_openings(
    view: EstateView, member: SegmentMember, protocol: str, remote: AddressSet, *, inbound: bool
) -> list[Opening]:
    assert member.interface is not None
    assert member.configuration is not None
    found = view.network.find_openings(
        member.interface, member.configuration, protocol, remote, inbound=inbound
    )
    return [one for one in found if not one.tag]


def _list_ports(openings: Sequence[Opening]) -> tuple[Interval, ...]:
    return merge_intervals(interval for one in openings for interval in one.region.ports)
