"""Azure Firewall rules: which rule decides one flow.

Network rules come before application rules; within each, the parent policy's come first, then rule collection groups and collections
by priority. A translation (DNAT) lets the translated flow through unless a network rule denies it. What no rule matches is denied.
Source: https://learn.microsoft.com/azure/firewall/rule-processing
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.firewalls import RULE_GROUP_TYPE
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import require_complete
from nephoscope.estate.security_rules import EVERY_PORT, parse_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nephoscope.estate.addresses import Interval
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

NAT, NETWORK, APPLICATION = "nat", "network", "application"
_CLASSIC = {
    NAT: "natRuleCollections",
    NETWORK: "networkRuleCollections",
    APPLICATION: "applicationRuleCollections",
}
_KINDS = {"natrule": NAT, "networkrule": NETWORK, "applicationrule": APPLICATION}
_SCHEMES = {"http": 80, "https": 443, "mssql": 1433}


class FirewallFlow(msgspec.Struct, frozen=True):
    """One flow: addresses as text, lower-cased protocol; `fqdn` is the name that the client asks for, '' = not known."""

    source: str
    destination: str
    protocol: str
    port: int
    fqdn: str = ""


class FirewallPeers(msgspec.Struct, frozen=True):
    """One side of a rule: everybody, addresses, service tags and names."""

    any: bool = False
    addresses: AddressSet = AddressSet()
    tags: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    def includes(self, address: str, name: str, tags: Mapping[str, AddressSet]) -> bool:
        """Return whether an address or a name is on this side; raises DataNotCollectedError on a tag that could hold it."""
        if self.any or (address and address in self.addresses):
            return True
        if name and any(matches_name(name, pattern) for pattern in self.names):
            return True
        for tag in self.tags:
            if tag not in tags:
                raise DataNotCollectedError(f"the prefixes of service tag {tag}")
            if address and address in tags[tag]:
                return True
        return False


class FirewallRule(msgspec.Struct, frozen=True):
    """One rule with its place: `order` sorts rules of a kind, first match first."""

    kind: str
    name: str
    collection: str
    group: str
    order: tuple[int, int, int, int]
    allow: bool
    protocols: tuple[str, ...]
    source: FirewallPeers
    destination: FirewallPeers
    ports: tuple[Interval, ...]
    translated_address: str = ""
    translated_port: int = 0

    def applies_to(self, flow: FirewallFlow, tags: Mapping[str, AddressSet]) -> bool:
        """Return whether the rule is about a flow."""
        if "any" not in self.protocols and flow.protocol not in self.protocols:
            return False
        if not any(low <= flow.port <= high for low, high in self.ports):
            return False
        return self.source.includes(flow.source, "", tags) and self.destination.includes(
            flow.destination, flow.fqdn, tags
        )


class FirewallDecision(msgspec.Struct, frozen=True):
    """Verdict of a firewall on a flow: the deciding rule (None = denied by default), and where the flow is translated to."""

    allow: bool
    rule: FirewallRule | None = None
    translation: FirewallRule | None = None


def evaluate_firewall_rules(
    rules: Iterable[FirewallRule], flow: FirewallFlow, tags: Mapping[str, AddressSet] | None = None
) -> FirewallDecision:
    """Decide what the rules of a firewall do with a flow; raises DataNotCollectedError."""
    table = tags or {}
    ordered = sorted(rules, key=lambda rule: rule.order)
    translation = next((rule for rule in ordered if rule.kind == NAT and rule.applies_to(flow, table)), None)
    if translation is not None:
        flow = FirewallFlow(
            flow.source, translation.translated_address, flow.protocol, translation.translated_port
        )
        denied = next(
            (rule for rule in ordered if rule.kind == NETWORK and rule.applies_to(flow, table)), None
        )
        if denied is not None and not denied.allow:
            return FirewallDecision(False, denied, translation)
        return FirewallDecision(True, translation, translation)
    for kind in (NETWORK, APPLICATION):
        found = next((rule for rule in ordered if rule.kind == kind and rule.applies_to(flow, table)), None)
        if found is not None:
            return FirewallDecision(found.allow, found)
    return FirewallDecision(False)


def find_admitted_clients(
    rules: Iterable[FirewallRule], clients: AddressSet, protocol: str, address: str, port: int
) -> AddressSet:
    """Return the clients whose translated flow no network rule denies; raises DataNotCollectedError on a denied service tag."""
    admitted, remaining = AddressSet(), clients
    for rule in rules:
        speaks = rule.kind == NETWORK and ("any" in rule.protocols or protocol in ("*", *rule.protocols))
        if not speaks or not any(low <= port <= high for low, high in rule.ports):
            continue
        if not rule.destination.includes(address, "", {}):
            continue
        if rule.source.tags and not rule.allow:
            raise DataNotCollectedError(f"the prefixes of service tag {rule.source.tags[0]}")
        sources = AddressSet.include_everything() if rule.source.any else rule.source.addresses
        if rule.allow:
            admitted |= remaining & sources
        remaining -= sources
    return admitted | remaining


def list_firewall_rules(firewall: Resource, estate: AnalyzerEstate) -> list[FirewallRule]:
    """Every rule of a firewall, of its own collections and of its policy and the policy's parents, in their order.

    Raises DataNotCollectedError where a policy, its rule collection groups or an IP group was not read.
    """
    body = require_complete(firewall)
    reader = _RuleReader(estate)
    found = list(reader.read_classic_rules(body))
    chain = _list_policy_chain(get_reference(body.get("firewallPolicy")), estate)
    for depth, policy in enumerate(reversed(chain)):
        is_own = policy == chain[0]
        for group in estate.list_of_type(RULE_GROUP_TYPE):
            if group.id.parent == policy:
                found += [
                    rule for rule in reader.read_group_rules(group, depth) if is_own or rule.kind != NAT
                ]
    return sorted(found, key=lambda rule: rule.order)


def _list_policy_chain(policy: str, estate: AnalyzerEstate) -> list[str]:
    """A policy, its parent, the parent's parent."""
    found: list[str] = []
    while policy and policy not in found:
        resource = estate.resources.get(policy)
        if resource is None:
            raise DataNotCollectedError(policy)
        if not estate.coverage.covers(RULE_GROUP_TYPE, resource.key):
            raise DataNotCollectedError(f"the rule collection groups of {policy}")
        found.append(policy)
        policy = get_reference(require_complete(resource).get("basePolicy"))
    return found


def matches_name(name: str, pattern: str) -> bool:
    """Return whether a lower-cased name is the target FQDN of a rule: itself, `*`, or anything under `*.contoso.com`."""
    name = name.lower().rstrip(".")
    if pattern in ("*", name):
        return True
    return pattern.startswith("*") and name.endswith(pattern[1:])


class _RuleReader:
    """Reads rules of both spellings: a firewall's own collections, and rule collection groups of a policy."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self.estate = estate

    def read_classic_rules(self, body: Mapping[str, object]) -> Iterator[FirewallRule]:
        for kind, name in _CLASSIC.items():
            for collection in _read_objects(body.get(name)):
                properties = _read_object(collection.get("properties"))
                action = str(_read_object(properties.get("action")).get("type", "Allow")).lower()
                place = (str(collection.get("name") or ""), "")
                order = (0, 0, _read_integer(properties.get("priority")))
                for number, rule in enumerate(_read_objects(properties.get("rules"))):
                    yield self._read_rule(kind, rule, place, (*order, number), allow=action != "deny")

    def read_group_rules(self, group: Resource, depth: int) -> Iterator[FirewallRule]:
        body = require_complete(group)
        for collection in _read_objects(body.get("ruleCollections")):
            action = str(_read_object(collection.get("action")).get("type", "Allow")).lower()
            place = (str(collection.get("name") or ""), group.id.name)
            order = (depth, _read_integer(body.get("priority")), _read_integer(collection.get("priority")))
            for number, rule in enumerate(_read_objects(collection.get("rules"))):
                kind = _KINDS.get(str(rule.get("ruleType", "")).lower())
                if kind is None:
                    raise DataNotCollectedError(f"the type of a rule of {group.key}", "unreadable-rule")
                yield self._read_rule(kind, rule, place, (*order, number), allow=action != "deny")

    def _read_rule(
        self,
        kind: str,
        rule: Mapping[str, object],
        place: tuple[str, str],
        order: tuple[int, int, int, int],
        *,
        allow: bool,
    ) -> FirewallRule:
        numbers = _read_texts(rule.get("destinationPorts"))
        protocols = _read_texts(rule.get("ipProtocols")) or _read_texts(rule.get("protocols"))
        if kind == APPLICATION:
            protocols, numbers = ["tcp"], _read_application_ports(rule.get("protocols"))
        translated = str(rule.get("translatedPort") or "")
        return FirewallRule(
            kind=kind,
            name=str(rule.get("name") or ""),
            collection=place[0],
            group=place[1],
            order=order,
            allow=allow,
            protocols=tuple(text.lower() for text in protocols) or ("any",),
            source=self._read_peers(rule, "source"),
            destination=self._read_names(rule)
            if kind == APPLICATION
            else self._read_peers(rule, "destination"),
            ports=parse_ports(numbers) if numbers else EVERY_PORT,
            translated_address=str(rule.get("translatedAddress") or rule.get("translatedFqdn") or ""),
            translated_port=int(translated) if translated.isdecimal() else 0,
        )

    def _read_peers(self, rule: Mapping[str, object], side: str) -> FirewallPeers:
        texts = _read_texts(rule.get(f"{side}Addresses"))
        for id_ in _read_texts(rule.get(f"{side}IpGroups")):
            group = self.estate.resources.get(id_.lower())
            if group is None:
                raise DataNotCollectedError(id_.lower())
            texts += _read_texts(require_complete(group).get("ipAddresses"))
        names = tuple(text.lower() for text in _read_texts(rule.get(f"{side}Fqdns")))
        everybody = "*" in texts or (not texts and not names and side == "source")
        tags = tuple(text.lower() for text in texts if text != "*" and not is_prefix(text))
        known = AddressSet.of(text for text in texts if is_prefix(text))
        return FirewallPeers(everybody, known, tags, names)

    def _read_names(self, rule: Mapping[str, object]) -> FirewallPeers:
        tags = _read_texts(rule.get("fqdnTags")) + _read_texts(rule.get("webCategories"))
        names = tuple(text.lower() for text in _read_texts(rule.get("targetFqdns")))
        return FirewallPeers("*" in names, tags=tuple(f"FQDN tag {text}" for text in tags), names=names)


def _read_application_ports(value: object) -> list[str]:
    found = []
    for entry in _read_objects(value):
        port = entry.get("port") or _SCHEMES.get(str(entry.get("protocolType", "")).lower(), 0)
        found.append(str(port))
    return found


def _read_objects(value: object) -> list[dict[str, object]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _read_object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _read_texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _read_integer(value: object) -> int:
    return value if isinstance(value, int) else 0
