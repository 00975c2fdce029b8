"""First-match evaluation of security rules, exact on intervals of addresses and ports.

A *clause* is a rule as one network interface sees it: its own side has been matched, the far side is a set of addresses
(and of opaque tags). A *region* is a product of address, source-port and port intervals; what a rule list lets through
is a list of *openings*, a region each with the rules that allowed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import (
    PUBLIC,
    AddressSet,
    Interval,
    intersect_intervals,
    merge_intervals,
    parse_prefix,
    subtract_intervals,
)
from nephoscope.estate.security_rules import EVERY_PORT, SecurityRule
from nephoscope.estate.service_tags import ServiceTags, is_tag_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nephoscope.estate.security_rules import RulePeers

EVERYWHERE = AddressSet.include_everything()

# The remote side of a region that stands for an opaque tag instead of addresses.
TAG_POINT: tuple[Interval, ...] = ((0, 0),)


class Clause(msgspec.Struct, frozen=True):
    """A rule with its far side resolved: `addresses` and opaque lower-cased `tags`; `whole` when it means everybody."""

    rule: SecurityRule
    addresses: AddressSet
    tags: tuple[str, ...]
    whole: bool

    def matches_tag(self, tag: str) -> bool:
        """Return whether the clause surely matches the whole of an opaque tag."""
        return self.whole or any(is_tag_within(tag, wider) for wider in self.tags)


class TrafficRegion(msgspec.Struct, frozen=True):
    """A product: remote addresses of one family (or TAG_POINT), source ports, destination ports."""

    remote: tuple[Interval, ...]
    source_ports: tuple[Interval, ...] = EVERY_PORT
    ports: tuple[Interval, ...] = EVERY_PORT

    def __and__(self, other: TrafficRegion) -> TrafficRegion:
        return TrafficRegion(
            intersect_intervals(self.remote, other.remote),
            intersect_intervals(self.source_ports, other.source_ports),
            intersect_intervals(self.ports, other.ports),
        )

    def __bool__(self) -> bool:
        return bool(self.remote and self.source_ports and self.ports)

    def subtract(self, cut: TrafficRegion) -> list[TrafficRegion]:
        """Return this region without `cut`, which must lie inside it, as disjoint regions."""
        rest = [
            TrafficRegion(subtract_intervals(self.remote, cut.remote), self.source_ports, self.ports),
            TrafficRegion(cut.remote, subtract_intervals(self.source_ports, cut.source_ports), self.ports),
            TrafficRegion(cut.remote, cut.source_ports, subtract_intervals(self.ports, cut.ports)),
        ]
        return [piece for piece in rest if piece]


class Opening(msgspec.Struct, frozen=True):
    """Traffic that is let through: the region, the family (4, 6) or opaque tag it is about, the rules that allowed it."""

    region: TrafficRegion
    family: int
    tag: str
    rules: tuple[SecurityRule, ...]


class FlowDecision(msgspec.Struct, frozen=True):
    """Decision on a flow: allowed, denied, or None where opaque tags could decide; its rule, '' id = no group."""

    allow: bool | None
    rule: SecurityRule | None
    opaque: tuple[str, ...] = ()


class Side(msgspec.Struct, frozen=True):
    """A rule with its near side resolved, ready to be asked of many interfaces."""

    rule: SecurityRule
    any: bool
    addresses: AddressSet
    groups: frozenset[str]

    def concerns(self, local: AddressSet, local_groups: Iterable[str]) -> bool:
        """Return whether the rule is about an interface."""
        if self.any or not self.groups.isdisjoint(local_groups):
            return True
        if self.rule.allow:
            return bool(self.addresses & local)
        return bool(local) and self.addresses.covers(local)


def resolve_sides(rules: Iterable[SecurityRule], *, inbound: bool, tags: ServiceTags) -> tuple[Side, ...]:
    """The rules of one direction, first match first, with their near side resolved."""
    found = []
    for rule in rules:
        if rule.inbound is inbound:
            near = rule.destination if inbound else rule.source
            found.append(Side(rule, near.any, _resolve_peers(near, tags)[0], frozenset(near.groups)))
    return tuple(found)


def select_rules(
    listed: Iterable[Side], local: AddressSet, local_groups: Iterable[str]
) -> tuple[SecurityRule, ...]:
    """The rules that concern an interface.

    `local` is the interface's private addresses, or its subnet's where they are not known: a rule that names only part
    of them counts when it allows and not when it denies. `local_groups` are its application security groups.
    """
    own = tuple(local_groups)
    return tuple(side.rule for side in listed if side.concerns(local, own))


def build_clauses(
    rules: Iterable[SecurityRule], tags: ServiceTags, members: Callable[[str], AddressSet]
) -> tuple[Clause, ...]:
    """Rules with their far side resolved; `members` gives the addresses in an application security group."""
    return tuple(
        _build_clause(rule, rule.source if rule.inbound else rule.destination, tags, members)
        for rule in rules
    )


def _resolve_peers(peers: RulePeers, tags: ServiceTags) -> tuple[AddressSet, tuple[str, ...]]:
    known = AddressSet.of(peers.prefixes)
    opaque = []
    for tag in peers.tags:
        resolved = tags.resolve(tag)
        if resolved is None:
            opaque.append(tag)
        else:
            known |= resolved
    return known, tuple(opaque)


def _build_clause(
    rule: SecurityRule, far: RulePeers, tags: ServiceTags, members: Callable[[str], AddressSet]
) -> Clause:
    if far.any:
        return Clause(rule, EVERYWHERE, (), whole=True)
    known, opaque = _resolve_peers(far, tags)
    for group in far.groups:
        known |= members(group)
    whole = "internet" in far.tags or known.v4 == EVERYWHERE.v4
    return Clause(rule, known, opaque, whole)


def apply_first_match(
    matching: Sequence[Clause], protocol: str, family: int, start: TrafficRegion, tag: str = ""
) -> list[Opening]:
    """Return what the clauses let through of `start`, for one lower-cased protocol and one family or opaque tag."""
    openings: list[Opening] = []
    remaining = [start]
    for clause in matching:
        if not remaining:
            break
        if not clause.rule.applies_to(protocol):
            continue
        area = TrafficRegion(
            _list_remote_intervals(clause, family, tag),
            clause.rule.source_ports,
            clause.rule.destination_ports,
        )
        remaining = _apply_clause(clause, area, remaining, openings, family, tag)
    return openings


def _list_remote_intervals(clause: Clause, family: int, tag: str) -> tuple[Interval, ...]:
    if tag:
        return TAG_POINT if clause.matches_tag(tag) else ()
    return clause.addresses.get_intervals(family)


def _apply_clause(
    clause: Clause,
    area: TrafficRegion,
    remaining: list[TrafficRegion],
    openings: list[Opening],
    family: int,
    tag: str,
) -> list[TrafficRegion]:
    rest: list[TrafficRegion] = []
    for region in remaining:
        hit = region & area
        if not hit:
            rest.append(region)
            continue
        if clause.rule.allow:
            openings.append(Opening(hit, family, tag, (clause.rule,)))
        rest.extend(region.subtract(hit))
    return rest


def pass_admin_rules(
    matching: Sequence[Clause], protocol: str, family: int, start: TrafficRegion, tag: str = ""
) -> tuple[list[Opening], list[TrafficRegion]]:
    """Return what security admin rules always let through of `start`, and what they leave to the network security groups."""
    always: list[Opening] = []
    passed: list[TrafficRegion] = []
    remaining = [start]
    for clause in matching:
        if not clause.rule.applies_to(protocol):
            continue
        area = TrafficRegion(
            _list_remote_intervals(clause, family, tag),
            clause.rule.source_ports,
            clause.rule.destination_ports,
        )
        openings: list[Opening] = []
        remaining = _apply_clause(clause, area, remaining, openings, family, tag)
        if clause.rule.always:
            always += openings
        else:
            passed += [one.region for one in openings]
    return always, passed + remaining


def combine_openings(left: Iterable[Opening], right: Sequence[Opening]) -> list[Opening]:
    """Return what passes two rule lists in turn: both must allow it."""
    return [
        Opening(both, first.family, first.tag, first.rules + second.rules)
        for first in left
        for second in right
        if (first.family, first.tag) == (second.family, second.tag) and (both := first.region & second.region)
    ]


def list_opaque_tags(matching: Iterable[Clause]) -> frozenset[str]:
    """The opaque tags that the allowing clauses name."""
    return frozenset(tag for clause in matching if clause.rule.allow for tag in clause.tags)


def decide(
    matching: Sequence[Clause], protocol: str, address: str, source_port: int, port: int
) -> FlowDecision:
    """Return whether one flow passes one rule list (IP flow verify), with the rule that decided."""
    family, (value, _) = parse_prefix(address)
    public = _contains_value(PUBLIC.get_intervals(family), value)
    doubtful: list[Clause] = []
    for clause in matching:
        rule = clause.rule
        if not rule.applies_to(protocol) or not _contains_value(rule.source_ports, source_port):
            continue
        if not _contains_value(rule.destination_ports, port):
            continue
        if _contains_value(clause.addresses.get_intervals(family), value):
            return _make_decision(rule, doubtful)
        if clause.tags and public:
            doubtful.append(clause)
    return FlowDecision(False, None)


def _make_decision(rule: SecurityRule, doubtful: list[Clause]) -> FlowDecision:
    other = tuple(tag for clause in doubtful if clause.rule.allow is not rule.allow for tag in clause.tags)
    return FlowDecision(None if other else rule.allow, rule, other)


def _contains_value(intervals: Iterable[Interval], value: int) -> bool:
    return any(low <= value <= high for low, high in intervals)


def find_remote_addresses(openings: Iterable[Opening], port: int) -> tuple[Interval, ...]:
    """The remote addresses from which the openings of one family lead to a port."""
    return merge_intervals(
        interval
        for opening in openings
        if not opening.tag and _contains_value(opening.region.ports, port)
        for interval in opening.region.remote
    )
