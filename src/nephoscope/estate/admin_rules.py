"""Security admin rules of Virtual Network Manager: evaluated before every network security group.

Allow goes on to the groups, AlwaysAllow passes them by, Deny ends the evaluation. Rules of a manager with the wider scope come first.
Source: https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from nephoscope.estate.addresses import is_prefix
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.network_interfaces import get_reference
from nephoscope.estate.resource_lookup import get_properties, require_complete
from nephoscope.estate.security_rules import EVERY_PORT, PROTOCOLS, RulePeers, SecurityRule, parse_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nephoscope.estate.addresses import Interval
    from nephoscope.estate.resource_lookup import AnalyzerEstate
    from nephoscope_policy.model.resource import Resource

MANAGER_TYPE = "microsoft.network/networkmanagers"
CONFIGURATION_TYPE = f"{MANAGER_TYPE}/securityadminconfigurations"
COLLECTION_TYPE = f"{CONFIGURATION_TYPE}/rulecollections"
ADMIN_RULE_TYPE = f"{COLLECTION_TYPE}/rules"
NETWORK_GROUP_TYPE = f"{MANAGER_TYPE}/networkgroups"
MEMBER_TYPE = f"{NETWORK_GROUP_TYPE}/staticmembers"
#: What listDeploymentStatus answers, an entry a region: which configurations a manager has put into effect there.
DEPLOYMENT_TYPE = f"{MANAGER_TYPE}/deploymentstatus"
READS = (MANAGER_TYPE, ADMIN_RULE_TYPE, COLLECTION_TYPE, MEMBER_TYPE, DEPLOYMENT_TYPE)
#: A rule of the platform has no access of its own to judge by.
ACCESS = ("allow", "alwaysallow", "deny")


class AdminRules(msgspec.Struct, frozen=True):
    """The security admin rules over one network, first match first; `deployed` is None where it is not known whether they are."""

    rules: tuple[SecurityRule, ...] = ()
    deployed: bool | None = True


class AdminRuleIndex:
    """Security admin rules by virtual network; raises DataNotCollectedError where a network group's members are not known."""

    def __init__(self, estate: AnalyzerEstate) -> None:
        self.estate = estate
        self._found: dict[str, AdminRules] = {}

    def find_rules(self, network: str) -> AdminRules:
        """The rules that concern a virtual network by its lower-cased id."""
        found = self._found.get(network)
        if found is None:
            found = self._found[network] = self._collect_rules(network)
        return found

    def _collect_rules(self, network: str) -> AdminRules:
        self._require_collections(network)
        deployed: bool | None = True
        found: list[tuple[int, SecurityRule]] = []
        for collection in self.estate.list_of_type(COLLECTION_TYPE):
            if not any(self._is_member(group, network) for group in _list_groups(collection)):
                continue
            configuration = collection.id.parent
            is_deployed = self._is_configuration_deployed(configuration)
            if is_deployed is False:
                continue
            deployed = deployed if is_deployed else None
            rank = self._rank_scope(configuration)
            found += [
                (rank, _build_admin_rule(rule))
                for rule in self.estate.list_of_type(ADMIN_RULE_TYPE)
                if rule.id.parent == collection.key
            ]
        found.sort(key=lambda pair: (pair[0], pair[1].priority))
        return AdminRules(tuple(rule for _, rule in found), deployed)

    def _require_collections(self, network: str) -> None:
        """Raise DataNotCollectedError where a rule's collection was not read and its manager's scope holds the network."""
        for rule in self.estate.list_of_type(ADMIN_RULE_TYPE):
            manager = rule.key.split("/securityadminconfigurations/", maxsplit=1)[0]
            if rule.id.parent not in self.estate.resources and self._is_in_scope(manager, network):
                raise DataNotCollectedError(
                    f"the effect of a network manager's security admin rules on {network} is not known",
                    "security-admin-rules",
                )

    def _is_in_scope(self, manager: str, network: str) -> bool:
        resource = self.estate.resources.get(manager)
        scope = get_properties(resource).get("networkManagerScopes") if resource is not None else None
        if not isinstance(scope, dict) or scope.get("managementGroups"):
            return True
        return "/".join(network.split("/")[:3]) in _lower_case_texts(scope.get("subscriptions"))

    def _rank_scope(self, configuration: str) -> int:
        """0 for the rules of a manager over a management group, which come first, 1 for the others."""
        manager = self.estate.resources.get(
            configuration.split("/securityadminconfigurations/", maxsplit=1)[0]
        )
        scope = get_properties(manager).get("networkManagerScopes") if manager is not None else None
        return 0 if isinstance(scope, dict) and scope.get("managementGroups") else 1

    def _is_member(self, group: str, network: str) -> bool:
        members = [
            get_reference({"id": get_properties(one).get("resourceId")})
            for one in self.estate.list_of_type(MEMBER_TYPE)
            if one.id.parent == group
        ]
        if any(one == network or one.startswith(f"{network}/subnets/") for one in members):
            return True
        if not members:
            raise DataNotCollectedError(f"the members of network group {group}", "security-admin-rules")
        return False

    def _is_configuration_deployed(self, configuration: str) -> bool | None:
        manager = configuration.split("/securityadminconfigurations/", maxsplit=1)[0]
        deployments = [
            get_properties(one)
            for one in self.estate.list_of_type(DEPLOYMENT_TYPE)
            if one.key.startswith(f"{manager}/")
        ]
        if not deployments:
            return None
        return any(
            str(entry.get("deploymentStatus", "Deployed")).lower() == "deployed"
            and configuration in _lower_case_texts(entry.get("configurationIds"))
            for entry in deployments
        )


def _lower_case_texts(value: object) -> list[str]:
    return [str(text).lower() for text in value] if isinstance(value, list) else []


def _list_groups(collection: Resource) -> Iterator[str]:
    listed = require_complete(collection).get("appliesToGroups")
    for entry in listed if isinstance(listed, list) else ():
        yield str(entry.get("networkGroupId", "")).lower()


def _build_admin_rule(rule: Resource) -> SecurityRule:
    body = require_complete(rule)
    access = str(body.get("access", "")).lower()
    protocol = str(body.get("protocol", "")).lower()
    if access not in ACCESS or protocol not in ("any", "*", *PROTOCOLS):
        raise DataNotCollectedError(f"the access and protocol of {rule.key}", "unreadable-rule")
    return SecurityRule(
        id=rule.key,
        name=rule.id.name if not rule.body.get("name") else str(rule.body["name"]),
        priority=int(str(body.get("priority", 0))),
        inbound=str(body.get("direction", "")).lower() == "inbound",
        allow=access != "deny",
        protocol="*" if protocol == "any" else protocol,
        source=_read_peers(body, "sources", rule.key),
        source_ports=_read_ports(body, "sourcePortRanges"),
        destination=_read_peers(body, "destinations", rule.key),
        destination_ports=_read_ports(body, "destinationPortRanges"),
        always=access == "alwaysallow",
    )


def _read_ports(body: Mapping[str, object], name: str) -> tuple[Interval, ...]:
    listed = body.get(name)
    texts = [str(text) for text in listed] if isinstance(listed, list) else []
    return parse_ports(texts) if texts and not {"*", "0-65535"} & set(texts) else EVERY_PORT


def _read_peers(body: Mapping[str, object], name: str, rule: str) -> RulePeers:
    listed = body.get(name)
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if any(str(entry.get("addressPrefixType", "")).lower() == "networkgroup" for entry in entries):
        raise DataNotCollectedError(f"the addresses of the network group in {rule}", "security-admin-rules")
    words = {
        part.strip().lower() for entry in entries for part in str(entry.get("addressPrefix", "")).split(",")
    }
    words.discard("")
    everybody = not words or bool(words & {"*", "any"})
    return RulePeers(
        everybody,
        tuple(sorted(word for word in words if is_prefix(word))),
        tuple(sorted(word for word in words if word not in ("*", "any") and not is_prefix(word))),
    )
