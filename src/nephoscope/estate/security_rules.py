"""Security rules of a network security group: parsed, with the default rules behind them.

Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.addresses import Interval, is_prefix, merge_intervals
from nephoscope_policy.model.resource_id import ResourceId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nephoscope_policy.model.resource import Resource

EVERY_PORT: tuple[Interval, ...] = ((0, 65535),)
PROTOCOLS = ("tcp", "udp", "icmp", "esp", "ah")


class SecurityRuleError(ValueError):
    """A security rule that cannot be read; the message names the group, the rule and the property."""


class RulePeers(msgspec.Struct, frozen=True):
    """One side of a rule: prefixes as text, tags and application security groups, all lower-cased."""

    any: bool = False
    prefixes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class SecurityRule(msgspec.Struct, frozen=True):
    """One rule: `protocol` is lower-cased ('*' = every one), ports are merged intervals, `allow` is its access.

    `always` marks a security admin rule that no network security group overrides (AlwaysAllow).
    """

    id: str
    name: str
    priority: int
    inbound: bool
    allow: bool
    protocol: str
    source: RulePeers
    source_ports: tuple[Interval, ...]
    destination: RulePeers
    destination_ports: tuple[Interval, ...]
    always: bool = False

    def applies_to(self, protocol: str) -> bool:
        """Return whether the rule is about the lower-cased protocol."""
        return self.protocol in ("*", protocol)


@lru_cache(maxsize=16384)
def _parse_port(text: str) -> Interval:
    if text == "*":
        return EVERY_PORT[0]
    low, dash, high = text.partition("-")
    interval = (int(low), int(high if dash else low))
    if not 0 <= interval[0] <= interval[1] <= 65535:
        raise ValueError(f"not a port or a port range: {text!r}")
    return interval


def parse_ports(texts: list[str]) -> tuple[Interval, ...]:
    """Port numbers, `a-b` ranges and '*' -> merged intervals; raises ValueError."""
    return merge_intervals(_parse_port(text.strip()) for text in texts)


def list_rules(group: Resource) -> tuple[SecurityRule, ...]:
    """Every rule of a network security group, default rules included, first match first; raises SecurityRuleError."""
    body = group.body.get("properties") or {}
    own = [_read_rule(group, raw) for raw in _read_list(group, body, "securityRules")]
    raw_defaults = _read_list(group, body, "defaultSecurityRules")
    defaults = (
        [_read_rule(group, raw) for raw in raw_defaults] if raw_defaults else build_default_rules(group.key)
    )
    return tuple(sorted([*own, *defaults], key=lambda rule: rule.priority))


def _read_list(group: Resource, body: dict[str, object], name: str) -> list[Any]:
    found = body.get(name) or []
    if not isinstance(found, list):
        raise SecurityRuleError(f"{group.id.key}: properties.{name} is not a list")
    return found


def _read_rule(group: Resource, raw: Any) -> SecurityRule:
    name = str(raw.get("name") or "") if isinstance(raw, dict) else ""
    place = f"{group.id.key}: rule {name!r}"
    try:
        return parse_rule(raw, group.key)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SecurityRuleError(f"{place}: {error}") from error


def parse_rule(raw: dict[str, Any], group: str) -> SecurityRule:
    """An ARM securityRules entry -> SecurityRule; raises ValueError or KeyError naming the property."""
    body = raw.get("properties") or raw
    name = str(raw.get("name") or "")
    return SecurityRule(
        id=str(raw.get("id") or f"{group}/securityrules/{name}").lower(),
        name=name,
        priority=int(body["priority"]),
        inbound=_read_word(body, "direction", ("inbound", "outbound")) == "inbound",
        allow=_read_word(body, "access", ("allow", "deny")) == "allow",
        protocol=_read_word(body, "protocol", ("*", *PROTOCOLS)),
        source=_read_peers(body, "source"),
        source_ports=_read_ports(body, "source"),
        destination=_read_peers(body, "destination"),
        destination_ports=_read_ports(body, "destination"),
    )


def _read_word(body: Mapping[str, object], name: str, allowed: tuple[str, ...]) -> str:
    word = str(body[name]).lower()
    if word not in allowed:
        raise ValueError(f"{name} is {body[name]!r}, expected one of {', '.join(allowed)}")
    return word


def _read_texts(body: dict[str, object], single: str, plural: str) -> list[str]:
    """A rule carries one value or a list (an augmented rule); a GET answer shows both, one of them empty."""
    many = body.get(plural) or []
    if not isinstance(many, list):
        raise TypeError(f"{plural} is not a list")
    one = body.get(single)
    values = [*many, *([one] if one not in (None, "") else [])]
    return [part.strip() for value in values for part in str(value).split(",")]


def _read_ports(body: dict[str, object], side: str) -> tuple[Interval, ...]:
    found = parse_ports(_read_texts(body, f"{side}PortRange", f"{side}PortRanges"))
    if not found:
        raise ValueError(f"{side}PortRange is missing")
    return found


def _read_peers(body: dict[str, Any], side: str) -> RulePeers:
    texts = _read_texts(body, f"{side}AddressPrefix", f"{side}AddressPrefixes")
    groups = tuple(
        ResourceId.parse(str(entry["id"])).key for entry in body.get(f"{side}ApplicationSecurityGroups") or []
    )
    if not texts and not groups:
        raise ValueError(f"{side}AddressPrefix is missing")
    words = {text.lower() for text in texts}
    prefixes = tuple(sorted(word for word in words if is_prefix(word)))
    tags = tuple(sorted(word for word in words if word not in ("*", "any") and not is_prefix(word)))
    return RulePeers(bool(words & {"*", "any"}), prefixes, tags, groups)


# (name, priority, direction, access, source, destination): present in every group, not deletable.
_DEFAULTS = (
    ("AllowVnetInBound", 65000, True, True, "virtualnetwork", "virtualnetwork"),
    ("AllowAzureLoadBalancerInBound", 65001, True, True, "azureloadbalancer", "*"),
    ("DenyAllInBound", 65500, True, False, "*", "*"),
    ("AllowVnetOutBound", 65000, False, True, "virtualnetwork", "virtualnetwork"),
    ("AllowInternetOutBound", 65001, False, True, "*", "internet"),
    ("DenyAllOutBound", 65500, False, False, "*", "*"),
)


def _parse_peers(word: str) -> RulePeers:
    return RulePeers(any=True) if word == "*" else RulePeers(tags=(word,))


def build_default_rules(group: str) -> list[SecurityRule]:
    """The six default rules, for a body that does not list them."""
    return [
        SecurityRule(
            f"{group}/defaultsecurityrules/{name.lower()}",
            name,
            priority,
            inbound,
            allow,
            "*",
            _parse_peers(source),
            EVERY_PORT,
            _parse_peers(destination),
            EVERY_PORT,
        )
        for name, priority, inbound, allow, source, destination in _DEFAULTS
    ]
