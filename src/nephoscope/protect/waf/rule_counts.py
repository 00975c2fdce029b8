"""Rule counts: each rule of each web application firewall with its hits, addresses and the parts of requests that it matches."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nephoscope.protect.waf.rule_hits import RuleHit


class RuleCount(msgspec.Struct, frozen=True):
    """A rule of a gateway: hits, those that were blocked, distinct addresses, and what of the requests it matched."""

    gateway: str
    rule: str
    message: str
    hits: int
    blocked: int
    sources: int
    parts: tuple[str, ...]
    hosts: tuple[str, ...]


def count_rules(hits: Iterable[RuleHit]) -> list[RuleCount]:
    """Return each rule of each gateway, those with the most hits first."""
    grouped: defaultdict[tuple[str, str], list[RuleHit]] = defaultdict(list)
    for one in hits:
        grouped[one.gateway, one.rule].append(one)
    found = [_count_rule(gateway, rule, several) for (gateway, rule), several in grouped.items()]
    return sorted(found, key=lambda one: (-one.hits, one.gateway, one.rule))


def _count_rule(gateway: str, rule: str, several: list[RuleHit]) -> RuleCount:
    return RuleCount(
        gateway,
        rule,
        several[0].message,
        sum(one.hits for one in several),
        sum(one.blocked for one in several),
        len({source for one in several for source in one.sources}),
        tuple(sorted({one.part for one in several if one.part})),
        tuple(sorted({one.host for one in several if one.host})),
    )
