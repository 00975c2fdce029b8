"""Narrowed rules: for an allow rule that is wider than the traffic, rules directly before it that let only that traffic through.

The proposed rules name the address of one machine, so that the group's other machines keep what they have. Allow rules are inside
of what the wide rule lets through, and a deny rule follows for the rest of it: nothing is opened, and only traffic of the wide rule is
cut. The change is applied to the network model first, which must confirm both.
"""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import (
    AddressSet,
    Interval,
    count_addresses,
    intersect_intervals,
    merge_intervals,
)
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.rule_changes import (
    NoPriorityError,
    compare_openings,
    count_openings,
    find_place,
    move_rule,
    replace_rules,
)
from nephoscope.estate.rule_text import format_prefixes, format_ranges, write_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from nephoscope.analyze.hardening.learned_sources import LearnedService, RejectedFlow
    from nephoscope.analyze.hardening.observed_traffic import ObservedFlow
    from nephoscope.estate.network import Network
    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Clause, Opening

#: A rule is narrowed where at most this share of its addresses times ports is needed.
NARROW_SHARE = 0.5
MARK = "nephoscope-hardening"
_PROTOCOLS = ("tcp", "udp")


class HardenedRule(msgspec.Struct, frozen=True):
    """An allow rule to insert: ports and sources that are needed."""

    name: str
    protocol: str
    ports: tuple[Interval, ...]
    sources: tuple[str, ...]


class CutFlow(msgspec.Struct, frozen=True):
    """A flow that the proposal would have cut, and why it counts as no need."""

    source: str
    protocol: str
    port: int
    flows: int
    last: str
    reason: str


class RuleProposal(msgspec.Struct, frozen=True):
    """A narrower form of one allow rule for one address of a machine.

    `cut` begins with the most flows. `security_rules` are the ARM rules to add, none where the group has no free priority
    (`obstacle`); `before` and `after` count IPv4 addresses times ports that the model lets through to the address.
    """

    group: str
    rule: str
    address: str
    interface: str
    allowed: tuple[HardenedRule, ...]
    security_rules: tuple[dict[str, object], ...]
    cut: tuple[CutFlow, ...]
    before: int
    after: int
    obstacle: str = ""


class MachineAddress(msgspec.Struct, frozen=True):
    """An address of a machine with the flows to it, the services that were learned and the flows that were rejected."""

    interface: Interface
    configuration: IpConfiguration
    flows: tuple[ObservedFlow, ...]
    services: tuple[LearnedService, ...]
    rejected: tuple[RejectedFlow, ...]


def propose_rules(network: Network, one: MachineAddress) -> Iterator[RuleProposal]:
    """Yield narrower rules for one address; raises DataNotCollectedError."""
    filters = network.build_filters(one.interface, one.configuration)
    if not filters or not one.configuration.address:
        return
    chosen = filters[-1]
    for clause in chosen.clauses:
        rule = clause.rule
        if (
            rule.allow
            and "/defaultsecurityrules/" not in rule.id
            and not clause.tags
            and not _is_managed_rule(rule.name)
        ):
            found = _narrow_rule(network, one, chosen.group, clause)
            if found is not None:
                yield found


def _is_managed_rule(name: str) -> bool:
    return name.startswith(MARK)


def _narrow_rule(network: Network, one: MachineAddress, group: str, clause: Clause) -> RuleProposal | None:
    family = _detect_address_family(one)
    needed = list(_find_needed_traffic(clause, one.services, family))
    whole = (
        count_addresses(clause.addresses.get_intervals(family))
        * count_addresses(clause.rule.destination_ports)
        * len(_list_protocols(clause))
    )
    kept = sum(
        count_addresses(entry.addresses.get_intervals(family)) * count_addresses((entry.ports,))
        for entry in needed
    )
    if not whole or kept > NARROW_SHARE * whole:
        return None
    allowed = tuple(_build_hardened_rules(needed, clause, one.configuration.address))
    rules, obstacle = _write_rules(network, one, group, clause, allowed)
    before = _count_effective_rules(network, one)
    after = before
    if rules:
        changed = replace_rules(network, {group: rules})
        _confirm_allowed_traffic(network, changed, one)
        after = _count_effective_rules(changed, one)
        if after == before:
            return None
    cut = tuple(sorted(_list_cut(one, clause, needed), key=lambda entry: -entry.flows))
    address = one.configuration.address
    return RuleProposal(
        group, clause.rule.id, address, one.interface.id, allowed, rules, cut, before, after, obstacle
    )


def _detect_address_family(one: MachineAddress) -> int:
    return 6 if ":" in one.configuration.address else 4


def _count_effective_rules(network: Network, one: MachineAddress) -> int:
    return sum(count_openings(_list_openings(network, one, protocol)) for protocol in _PROTOCOLS)


def _list_openings(network: Network, one: MachineAddress, protocol: str) -> list[Opening]:
    return network.find_openings(one.interface, one.configuration, protocol, AddressSet.include_everything())


def _list_protocols(clause: Clause) -> tuple[str, ...]:
    return tuple(one for one in _PROTOCOLS if clause.rule.applies_to(one))


class _NeededTraffic(msgspec.Struct, frozen=True):
    """A part of what a rule lets through that traffic needs; `sources` is its text in a rule."""

    protocol: str
    ports: Interval
    addresses: AddressSet
    sources: tuple[str, ...]


def _find_needed_traffic(
    clause: Clause, services: Iterable[LearnedService], family: int
) -> Iterator[_NeededTraffic]:
    for one in services:
        if not clause.rule.applies_to(one.protocol):
            continue
        addresses = clause.addresses if one.public else clause.addresses & AddressSet.of(one.sources)
        sources = _format_sources(clause, family) if one.public else tuple(format_prefixes(addresses, family))
        for ports in intersect_intervals((one.ports,), clause.rule.destination_ports):
            if sources:
                yield _NeededTraffic(one.protocol, ports, addresses, sources)


def _build_hardened_rules(
    needed: Iterable[_NeededTraffic], clause: Clause, address: str
) -> Iterator[HardenedRule]:
    """One rule for all ports that have the same protocol and sources."""
    grouped: defaultdict[tuple[str, tuple[str, ...]], list[Interval]] = defaultdict(list)
    for one in needed:
        grouped[one.protocol, one.sources].append(one.ports)
    for number, ((protocol, sources), ports) in enumerate(sorted(grouped.items()), start=1):
        yield HardenedRule(
            f"{_build_name_stem(clause, address)}-{number}", protocol, merge_intervals(ports), sources
        )


def _build_name_stem(clause: Clause, address: str) -> str:
    text = blake2b(f"{clause.rule.id} {address}".encode(), digest_size=4).hexdigest()
    return f"{MARK}-{text}"


def _write_rules(
    network: Network, one: MachineAddress, group: str, clause: Clause, allowed: Sequence[HardenedRule]
) -> tuple[tuple[dict[str, object], ...], str]:
    """The ARM rules with their priorities, or why there is no room for them."""
    denied = _list_protocols(clause)
    try:
        place = find_place(network.get_rules(group), clause.rule, len(allowed) + len(denied))
    except NoPriorityError as error:
        return (), str(error)
    numbers = iter(place.priorities)
    family = _detect_address_family(one)
    found = [
        _build_arm_rule(
            clause, one, (rule.name, next(numbers), "Allow", rule.protocol), rule.sources, rule.ports
        )
        for rule in allowed
    ]
    found += [
        _build_arm_rule(
            clause, one, (f"{_build_name_stem(clause, one.configuration.address)}-deny-{protocol}", next(numbers), "Deny", protocol),
            _format_sources(clause, family), clause.rule.destination_ports,
        )
        for protocol in denied
    ]  # fmt: skip
    moved = (move_rule(network, clause.rule, place.moved),) if place.moved else ()
    return (*moved, *found), ""


def _format_sources(clause: Clause, family: int) -> tuple[str, ...]:
    source = clause.rule.source
    if source.any:
        return ("*",)
    if source.tags == ("internet",) and not source.prefixes and not source.groups:
        return ("Internet",)
    return tuple(format_prefixes(clause.addresses, family))


def _build_arm_rule(
    clause: Clause,
    one: MachineAddress,
    words: tuple[str, int, str, str],
    sources: tuple[str, ...],
    ports: tuple[Interval, ...],
) -> dict[str, object]:
    name, priority, access, protocol = words
    body = {
        "description": "Proposed from observed traffic", "access": access, "direction": "Inbound",
        "priority": priority, "protocol": protocol.title(),
        **write_list("sourcePortRange", format_ranges(clause.rule.source_ports)),
        **write_list("destinationPortRange", format_ranges(ports)),
        "destinationAddressPrefix": one.configuration.address,
        **write_list("sourceAddressPrefix", sources),
    }  # fmt: skip
    return {"name": name, "properties": body}


def _confirm_allowed_traffic(before: Network, after: Network, one: MachineAddress) -> None:
    """Raise DataNotCollectedError where the model does not confirm that nothing is opened."""
    for protocol in _PROTOCOLS:
        effect = compare_openings(
            before, after, (one.interface, one.configuration), protocol, AddressSet.include_everything()
        )
        if effect.added:
            raise DataNotCollectedError(f"a proposal for {one.configuration.id} that opens nothing")


def _list_cut(one: MachineAddress, clause: Clause, needed: Sequence[_NeededTraffic]) -> Iterator[CutFlow]:
    """Yield the observed flows that the rule let through and the proposal does not, with the reason."""
    why = {id(entry.flow): entry.reason for entry in one.rejected}
    for flow in one.flows:
        let = clause.rule.applies_to(flow.protocol) and intersect_intervals(
            ((flow.port, flow.port),), clause.rule.destination_ports
        )
        if let and flow.source in clause.addresses and not any(_covers(entry, flow) for entry in needed):
            reason = why.get(id(flow), "outside of the learned sources")
            yield CutFlow(flow.source, flow.protocol, flow.port, flow.flows, flow.last.isoformat(), reason)


def _covers(needed: _NeededTraffic, flow: ObservedFlow) -> bool:
    return (
        needed.protocol == flow.protocol
        and needed.ports[0] <= flow.port <= needed.ports[1]
        and flow.source in needed.addresses
    )
