"""Changes of security rules, applied to the network model before anybody applies them to Azure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, count_addresses
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network import Network
from nephoscope.estate.resource_lookup import get_properties
from nephoscope.estate.security_rules import parse_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from nephoscope.estate.network_interfaces import Interface, IpConfiguration
    from nephoscope.estate.reachability import Opening, TrafficRegion
    from nephoscope.estate.security_rules import SecurityRule

#: Priorities that rules of people may have.
FIRST_PRIORITY, LAST_PRIORITY = 100, 4096
#: Family (4, 6) and lower-cased opaque tag ('' = addresses) of regions.
Regions = dict[tuple[int, str], "list[TrafficRegion]"]


class NoPriorityError(ValueError):
    """A network security group has no room for a rule where it would have to be."""


class RuleEffect(msgspec.Struct, frozen=True):
    """Traffic of one protocol to (or from) an address that a change of rules takes away, and that it newly lets through."""

    protocol: str
    removed: tuple[tuple[int, TrafficRegion], ...]
    added: tuple[tuple[int, TrafficRegion], ...]


def replace_rules(
    network: Network, added: Mapping[str, Sequence[Mapping[str, object]]], removed: Iterable[str] = ()
) -> Network:
    """Return the network with other rules: ARM `securityRules` entries by the lower-cased id of their group, which replace rules of
    the same name, and without rules by lower-cased id. Raises DataNotCollectedError; KeyError and ValueError for what is no rule."""
    gone = frozenset(removed)
    rules = {}
    for group in {*added, *(one.split("/securityrules/")[0] for one in gone)}:
        new = {one.id: one for one in (parse_rule(dict(raw), group) for raw in added.get(group, ()))}
        own = [one for one in network.get_rules(group) if one.id not in gone and one.id not in new]
        rules[group] = tuple(sorted([*own, *new.values()], key=lambda rule: rule.priority))
    return Network(network.estate, network.tag_table, rules)


class RulePlace(msgspec.Struct, frozen=True):
    """Priorities of rules that are evaluated directly before another, and where that one moves to make room (0 = it stays)."""

    priorities: tuple[int, ...]
    moved: int = 0


def find_place(
    rules: Sequence[SecurityRule], before: SecurityRule, count: int, taken: Iterable[int] = ()
) -> RulePlace:
    """Return where `count` rules fit directly before another; raises NoPriorityError. `taken` are priorities of rules to come."""
    same = sorted(one.priority for one in rules if one.inbound is before.inbound)
    used = set(taken)
    first = max((one for one in same if one < before.priority), default=FIRST_PRIORITY - 1) + 1
    end = min(before.priority, LAST_PRIORITY + 1)
    free = [one for one in range(first, end) if one not in used]
    if len(free) >= count:
        return RulePlace(tuple(free[len(free) - count :]))
    last = min((one for one in same if one > before.priority), default=LAST_PRIORITY + 1)
    free = [one for one in range(first, min(last, LAST_PRIORITY + 1)) if one not in used]
    if len(free) <= count:
        raise NoPriorityError(f"{count} free priorities are needed around the rule {before.name}")
    *numbers, moved = free[: count + 1]
    return RulePlace(tuple(numbers), moved)


def move_rule(network: Network, rule: SecurityRule, priority: int) -> dict[str, object]:
    """Return the ARM entry of a rule at another priority; raises DataNotCollectedError where its group does not list it."""
    group = rule.id.split("/securityrules/")[0]
    listed = get_properties(network.estate.resources[group]).get("securityRules")
    for raw in listed if isinstance(listed, list) else ():
        if isinstance(raw, dict) and raw.get("name") == rule.name:
            return {"name": raw["name"], "properties": {**raw["properties"], "priority": priority}}
    raise DataNotCollectedError(f"the rule {rule.id}")


def compare_openings(
    before: Network,
    after: Network,
    address: tuple[Interface, IpConfiguration],
    protocol: str,
    remote: AddressSet,
    *,
    inbound: bool = True,
) -> RuleEffect:
    """Compare exactly what of the traffic from `remote` two states of the rules let through to an address, else the other way."""
    first = _list_regions(before.find_openings(*address, protocol, remote, inbound=inbound))
    second = _list_regions(after.find_openings(*address, protocol, remote, inbound=inbound))
    return RuleEffect(
        protocol, tuple(_subtract_regions(first, second)), tuple(_subtract_regions(second, first))
    )


def _list_regions(openings: Iterable[Opening]) -> Regions:
    found: Regions = defaultdict(list)
    for one in openings:
        found[one.family, one.tag].append(one.region)
    return found


def _subtract_regions(left: Regions, right: Regions) -> Iterator[tuple[int, TrafficRegion]]:
    for key, regions in left.items():
        rest = list(regions)
        for cut in right.get(key, ()):
            rest = [piece for one in rest for piece in _cut_region(one, cut)]
        yield from ((key[0], one) for one in rest)


def _cut_region(region: TrafficRegion, cut: TrafficRegion) -> list[TrafficRegion]:
    both = region & cut
    return region.subtract(both) if both else [region]


def count_openings(openings: Iterable[Opening]) -> int:
    """Count IPv4 addresses times ports of openings, which must not overlap (openings of one rule list never do)."""
    return sum(
        count_addresses(one.region.remote) * count_addresses(one.region.ports)
        for one in openings
        if one.family == 4 and not one.tag
    )
