"""Segment block: deny rules that close the violations of a plan and nothing else, confirmed by the network model."""

from __future__ import annotations

from collections import defaultdict
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, Interval, subtract_intervals
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.rule_changes import (
    compare_openings,
    find_place,
    move_rule,
    replace_rules,
)
from nephoscope.estate.rule_text import format_prefixes, format_ranges, write_list
from nephoscope.protect.segments.segment_plan import PROTOCOLS
from nephoscope.protect.segments.segment_violations import SegmentViolation, analyze_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from nephoscope.protect.segments.segment_plan import SegmentPlan
    from nephoscope.protect.segments.segment_violations import SegmentAnalysis

MARK = "nephoscope-segments"
_Traffic = tuple[str, str, tuple[Interval, ...]]


class SegmentBlockError(ValueError):
    """A block that the model does not confirm; the message says why."""


class SegmentBlock(msgspec.Struct, frozen=True):
    """Deny rules by the lower-cased id of their group, and the violations that no rule can close: no group is before the target, or
    a gateway or firewall puts its own address in place of the source's.
    """

    rules: Mapping[str, Sequence[dict[str, object]]]
    left: tuple[SegmentViolation, ...]


def build_block(plan: SegmentPlan, view: EstateView, found: SegmentAnalysis) -> SegmentBlock:
    """Return the rules that close the violations, checked by the model; raises SegmentBlockError, NoPriorityError and
    DataNotCollectedError."""
    merged: defaultdict[str, defaultdict[_Traffic, AddressSet]] = defaultdict(lambda: defaultdict(AddressSet))
    for one in found.violations:
        group = _find_group(view, one)
        if group:
            merged[group][one.target.machine + _choose_address(one), one.protocol, one.ports] |= (
                one.source.addresses
            )
    rules = {
        group: _write_rules(view, group, traffic, _list_targets(view, group, found.violations))
        for group, traffic in merged.items()
    }
    left = _list_remaining_violations(plan, view, found, rules)
    return SegmentBlock(rules, left)


def _list_targets(
    view: EstateView, group: str, violations: Iterable[SegmentViolation]
) -> dict[str, list[SegmentViolation]]:
    found: defaultdict[str, list[SegmentViolation]] = defaultdict(list)
    for one in violations:
        if _find_group(view, one) == group:
            found[one.target.machine + _choose_address(one)].append(one)
    return found


def _choose_address(one: SegmentViolation) -> str:
    return one.target.configuration.id if one.target.configuration else ""


def _find_group(view: EstateView, one: SegmentViolation) -> str:
    """The group nearest to the target of a violation, '' where none is, or where none sees the source's address."""
    if one.translated:
        return ""
    assert one.target.interface is not None
    assert one.target.configuration is not None
    groups = view.network.list_security_groups(one.target.interface, one.target.configuration)
    return groups[-1] if groups else ""


def _write_rules(
    view: EstateView,
    group: str,
    traffic: Mapping[_Traffic, AddressSet],
    targets: Mapping[str, Sequence[SegmentViolation]],
) -> list[dict[str, object]]:
    """One rule for all targets that the same sources reach at the same ports."""
    joined: defaultdict[tuple[str, tuple[Interval, ...], tuple[str, ...], int], list[str]] = defaultdict(list)
    for (target, protocol, ports), sources in traffic.items():
        violation = targets[target][0]
        for family in (4, 6):
            near = list(format_prefixes(violation.target.addresses, family))
            far = tuple(format_prefixes(sources, family))
            if near and far:
                joined[protocol, ports, far, family] += near
    allowing = {rule for several in targets.values() for one in several for rule in one.rules}
    rules = view.network.get_rules(group)
    before = next(one for one in rules if one.inbound and one.id in allowing)
    place = find_place(rules, before, len(joined))
    found = [move_rule(view.network, before, place.moved)] if place.moved else []
    for priority, ((protocol, ports, far, _), near) in zip(
        place.priorities, sorted(joined.items()), strict=True
    ):
        found.append(_build_deny_rule(protocol, ports, far, near, priority))
    return found


def _build_deny_rule(
    protocol: str, ports: tuple[Interval, ...], far: tuple[str, ...], near: list[str], priority: int
) -> dict[str, object]:
    text = blake2b(repr((protocol, ports, far, near)).encode(), digest_size=4).hexdigest()
    return {
        "name": f"{MARK}-{text}",
        "properties": {
            "description": "Not allowed by the plan of segments", "access": "Deny", "direction": "Inbound",
            "priority": priority, "protocol": protocol.title(), "sourcePortRange": "*",
            **write_list("destinationPortRange", format_ranges(ports)),
            **write_list("sourceAddressPrefix", far), **write_list("destinationAddressPrefix", sorted(near)),
        },
    }  # fmt: skip


def _list_remaining_violations(
    plan: SegmentPlan,
    view: EstateView,
    found: SegmentAnalysis,
    rules: Mapping[str, Sequence[dict[str, object]]],
) -> tuple[SegmentViolation, ...]:
    """Return the violations that stay; raises SegmentBlockError where other traffic is cut, or a rule does not work."""
    changed = EstateView(view.estate, view.now)
    changed.network = replace_rules(view.network, rules)
    left = analyze_segments(plan, changed).violations
    for one in left:
        if _find_group(view, one):
            raise SegmentBlockError(
                f"{one.source.name or 'addresses'} still reaches {one.target.name}: a rule before the block allows it"
            )
    for one in found.violations:
        _confirm_target(view, changed, one, found.violations)
    return left


def _confirm_target(
    view: EstateView, changed: EstateView, one: SegmentViolation, violations: Iterable[SegmentViolation]
) -> None:
    assert one.target.interface is not None
    assert one.target.configuration is not None
    own = [each for each in violations if each.target == one.target]
    for protocol in PROTOCOLS:
        effect = compare_openings(
            view.network, changed.network, (one.target.interface, one.target.configuration), protocol,
            AddressSet.include_everything(),
        )  # fmt: skip
        for family, region in effect.removed:
            rest = [
                (AddressSet(region.remote) if family == 4 else AddressSet((), region.remote), region.ports)
            ]
            for each in own:
                if each.protocol == protocol:
                    rest = list(_subtract_traffic(rest, each))
            if rest:
                raise SegmentBlockError(f"the block would cut other traffic to {one.target.name}")


def _subtract_traffic(
    rest: Iterable[tuple[AddressSet, tuple[Interval, ...]]], one: SegmentViolation
) -> Iterable[tuple[AddressSet, tuple[Interval, ...]]]:
    """What of some traffic is not that of a violation."""
    for addresses, ports in rest:
        outside = addresses - one.source.addresses
        if outside:
            yield outside, ports
        inside, others = addresses & one.source.addresses, subtract_intervals(ports, one.ports)
        if inside and others:
            yield inside, others
