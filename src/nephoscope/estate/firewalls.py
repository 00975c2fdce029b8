"""Azure Firewalls: the destination translations (DNAT) that let the Internet in.

Sources: https://learn.microsoft.com/azure/firewall/rule-processing,
https://learn.microsoft.com/azure/firewall-manager/policy-overview (a policy inherits no DNAT rules)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from nephoscope.estate.addresses import AddressSet, is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.security_rules import parse_ports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

FIREWALL_TYPE = "microsoft.network/azurefirewalls"
POLICY_TYPE = "microsoft.network/firewallpolicies"
RULE_GROUP_TYPE = "microsoft.network/firewallpolicies/rulecollectiongroups"
HUB_CONNECTION_TYPE = "microsoft.network/virtualhubs/hubvirtualnetworkconnections"
IP_GROUP_TYPE = "microsoft.network/ipgroups"


class Translation(msgspec.Struct, frozen=True):
    """A DNAT rule: who may come, lower-cased protocols, the private address and port it leads to."""

    firewall: str
    name: str
    clients: AddressSet
    protocols: tuple[str, ...]
    address: str
    port: int


def iterate_dnat_rules(firewall: Resource, estate: AnalyzerEstate) -> Iterator[Translation]:
    """Every DNAT rule of a firewall, from its own collections and from its policy; a policy inherits none from its parent.

    Raises DataNotCollectedError where the policy or an IP group that it uses was not read.
    """
    body = require_complete(firewall)
    for collection in _read_objects(body.get("natRuleCollections")):
        for rule in _read_objects((collection.get("properties") or {}).get("rules")):
            yield from _read_translation(firewall.key, rule, "protocols", estate)
    policy = get_reference(body.get("firewallPolicy"))
    if policy:
        _require_policy(policy, estate)
        for group in estate.list_of_type(RULE_GROUP_TYPE):
            if group.id.parent == policy:
                yield from _read_group(firewall.key, group, estate)


def _read_objects(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _require_policy(policy: str, estate: AnalyzerEstate) -> None:
    resource = estate.resources.get(policy)
    if resource is None:
        raise DataNotCollectedError(policy)
    if not estate.coverage.covers(RULE_GROUP_TYPE, resource.key):
        raise DataNotCollectedError(f"the rule collection groups of {policy}")
    require_complete(resource)


def _read_group(firewall: str, group: Resource, estate: AnalyzerEstate) -> Iterator[Translation]:
    for collection in _read_objects(require_complete(group).get("ruleCollections")):
        if str(collection.get("ruleCollectionType", "")).lower() == "firewallpolicynatrulecollection":
            for rule in _read_objects(collection.get("rules")):
                yield from _read_translation(firewall, rule, "ipProtocols", estate)


def _read_translation(
    firewall: str, rule: dict[str, Any], protocols: str, estate: AnalyzerEstate
) -> Iterator[Translation]:
    address, port = str(rule.get("translatedAddress") or ""), str(rule.get("translatedPort") or "")
    if is_prefix(address) and port.isdecimal():
        yield Translation(
            firewall=firewall,
            name=str(rule.get("name") or ""),
            clients=_read_clients(rule, estate),
            protocols=tuple(str(word).lower().replace("any", "*") for word in rule.get(protocols) or ["*"]),
            address=address,
            port=parse_ports([port])[0][0],
        )


def _read_clients(rule: dict[str, Any], estate: AnalyzerEstate) -> AddressSet:
    texts = [str(text) for text in rule.get("sourceAddresses") or []]
    for id_ in rule.get("sourceIpGroups") or []:
        group = estate.resources.get(str(id_).lower())
        if group is None:
            raise DataNotCollectedError(str(id_).lower())
        entries: Any = require_complete(group).get("ipAddresses")
        texts += [str(text) for text in entries or []]
    if "*" in texts:
        return AddressSet.include_everything()
    return AddressSet.of(text for text in texts if is_prefix(text))


def find_reach(firewall: Resource, estate: AnalyzerEstate) -> tuple[tuple[str, ...], frozenset[str]]:
    """The subnets of a firewall's instances (none in a hub), and the lower-cased ids of the networks right behind it."""
    body = get_properties(firewall)
    subnets = tuple(
        subnet
        for entry in _read_objects(body.get("ipConfigurations"))
        if (subnet := get_reference((entry.get("properties") or {}).get("subnet")))
    )
    hub = get_reference(body.get("virtualHub"))
    connected = [
        get_reference(require_complete(connection).get("remoteVirtualNetwork"))
        for connection in (estate.list_of_type(HUB_CONNECTION_TYPE) if hub else ())
        if connection.id.parent == hub
    ]
    return subnets, frozenset([*connected, *(subnet.split("/subnets/")[0] for subnet in subnets)])
