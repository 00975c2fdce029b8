"""Stages that a flow passes in turn: security admin rules, then network security groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope.estate.addresses import FAMILIES, PUBLIC, AddressSet
from nephoscope.estate.reachability import (
    TAG_POINT,
    Clause,
    FlowDecision,
    Opening,
    TrafficRegion,
    apply_first_match,
    combine_openings,
    decide,
    list_opaque_tags,
    pass_admin_rules,
)
from nephoscope.estate.security_rules import EVERY_PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope.estate.addresses import Interval

#: The id of what decided, and what it decided.
Stage = tuple[str, FlowDecision]


def passes(stages: Sequence[Stage]) -> bool | None:
    """Return whether a flow passes all stages, None where that is not known."""
    allowed = {decision.allow for _, decision in stages}
    return False if False in allowed else None if None in allowed else True


def build_stages(
    admin: tuple[Clause, ...],
    groups: list[Stage],
    protocol: str,
    address: str,
    source_port: int,
    port: int,
) -> list[Stage]:
    """The stages of a flow where the security admin rules come first."""
    found = decide(admin, protocol, address, source_port, port)
    if found.rule is None:
        return groups
    stage = (found.rule.id.split("/rulecollections/")[0], found)
    return [stage] if found.rule.always or found.allow is False else [stage, *groups]


def list_regions(openings: Sequence[Opening]) -> set[tuple[int, str, TrafficRegion]]:
    """List what openings let through, without the rules that do."""
    return {(one.family, one.tag, one.region) for one in openings}


def find_openings(
    admin: tuple[Clause, ...],
    filters: Sequence[tuple[Clause, ...]],
    protocol: str,
    remote: AddressSet,
    ports: tuple[Interval, ...],
) -> list[Opening]:
    """Find what passes the security admin rules and then every filter, with the rules that allow it."""
    starts = [
        (family, "", remote.get_intervals(family)) for family in FAMILIES if remote.get_intervals(family)
    ]
    tags = sorted(frozenset[str]().union(*(list_opaque_tags(found) for found in [admin, *filters])))
    if remote & PUBLIC:
        starts += [(4, tag, TAG_POINT) for tag in tags]
    openings: list[Opening] = []
    for family, tag, area in starts:
        start = TrafficRegion(area, EVERY_PORT, ports)
        always, regions = pass_admin_rules(admin, protocol, family, start, tag)
        openings.extend(always)
        for region in regions:
            passed = [Opening(region, family, tag, ())]
            for found in filters:
                passed = combine_openings(passed, apply_first_match(found, protocol, family, region, tag))
            openings.extend(passed)
    return openings
