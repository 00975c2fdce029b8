"""False-positive candidates of web application firewalls, and the exclusions that would let them through.

A hit is a candidate where what people normally send looks like an attack: many addresses send it on several days, and hardly any of
them matches rules of another kind, as scanners and attackers do. It stays a proposal: whoever knows the application decides.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from nephoscope.protect.waf.rule_hits import RuleHit, parse_part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Addresses and days from which on hits may be what people normally send.
FEWEST_SOURCES, FEWEST_DAYS = 5, 2
#: Share of the addresses that may match rules of another kind, too.
MOST_SUSPICIOUS = 0.1
#: Collections of the core rule set with the match variable of an exclusion.
#: Source: https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-waf-configuration
_VARIABLES = {
    "ARGS": "RequestArgNames", "ARGS_NAMES": "RequestArgKeys", "REQUEST_COOKIES": "RequestCookieNames",
    "REQUEST_COOKIES_NAMES": "RequestCookieKeys", "REQUEST_HEADERS": "RequestHeaderNames",
    "REQUEST_HEADERS_NAMES": "RequestHeaderKeys",
}  # fmt: skip


#: Groups of rules by the first three digits of their rules: the end of the name in the core rule set, and the name in Microsoft's.
#: Source: https://learn.microsoft.com/azure/web-application-firewall/ag/application-gateway-crs-rulegroups-rules
_GROUPS = {
    "911": "METHOD-ENFORCEMENT", "913": "SCANNER-DETECTION", "920": "PROTOCOL-ENFORCEMENT", "921": "PROTOCOL-ATTACK",
    "930": "APPLICATION-ATTACK-LFI", "931": "APPLICATION-ATTACK-RFI", "932": "APPLICATION-ATTACK-RCE", "933": "APPLICATION-ATTACK-PHP",
    "941": "APPLICATION-ATTACK-XSS", "942": "APPLICATION-ATTACK-SQLI", "943": "APPLICATION-ATTACK-SESSION-FIXATION",
    "944": "APPLICATION-ATTACK-JAVA",
}  # fmt: skip


class FalsePositive(msgspec.Struct, frozen=True):
    """A candidate: hits of one rule on one part of the requests to a host, and the exclusion (None where the part is not known)."""

    gateway: str
    policy: str
    rule: str
    part: str
    host: str
    paths: tuple[str, ...]
    hits: int
    blocked: int
    sources: int
    days: int
    message: str
    exclusion: Mapping[str, object] | None


def find_false_positives(hits: Iterable[RuleHit]) -> list[FalsePositive]:
    """Find candidates, those with the most hits first."""
    several = [one for one in hits if not one.is_summary]
    suspicious = _list_suspicious(several)
    grouped: dict[tuple[str, str, str, str, str], list[RuleHit]] = defaultdict(list)
    for one in several:
        grouped[one.gateway, one.policy, one.rule, one.part, one.host].append(one)
    found = (_assess_false_positive(group, suspicious) for group in grouped.values())
    return sorted((one for one in found if one is not None), key=lambda one: (-one.hits, one.rule, one.part))


def _list_suspicious(hits: Iterable[RuleHit]) -> frozenset[str]:
    """The addresses that match rules of several kinds."""
    families: dict[str, set[str]] = defaultdict(set)
    for one in hits:
        for source in one.sources:
            families[source].add(one.family)
    return frozenset(source for source, several in families.items() if len(several) > 1)


def _assess_false_positive(group: Sequence[RuleHit], suspicious: frozenset[str]) -> FalsePositive | None:
    sources = {source for one in group for source in one.sources}
    days = max((max(one.last for one in group) - min(one.first for one in group)).days + 1, 1)
    if len(sources) < FEWEST_SOURCES or days < FEWEST_DAYS:
        return None
    if len(sources & suspicious) > MOST_SUSPICIOUS * len(sources):
        return None
    first = group[0]
    return FalsePositive(
        first.gateway,
        first.policy,
        first.rule,
        first.part,
        first.host,
        tuple(sorted({one.path for one in group})),
        sum(one.hits for one in group),
        sum(one.blocked for one in group),
        len(sources),
        days,
        first.message,
        build_exclusion(first),
    )


def build_exclusion(hit: RuleHit) -> dict[str, object] | None:
    """Return the entry of `managedRules.exclusions` for one rule and one part, None where the part or the group is not known."""
    collection, name = parse_part(hit.part)
    if not collection or hit.family not in _GROUPS:
        return None
    group, is_core = _GROUPS[hit.family], hit.rule_set.upper().startswith("OWASP")
    if is_core:
        group = f"REQUEST-{hit.family}-{group}"
    return {
        "matchVariable": _VARIABLES[collection],
        "selectorMatchOperator": "Equals",
        "selector": name,
        "exclusionManagedRuleSets": [
            {
                "ruleSetType": "OWASP" if is_core else hit.rule_set,
                "ruleSetVersion": hit.version,
                "ruleGroups": [
                    {
                        "ruleGroupName": group.removeprefix("APPLICATION-ATTACK-"),
                        "rules": [{"ruleId": hit.rule}],
                    }
                ],
            }
        ],
    }
