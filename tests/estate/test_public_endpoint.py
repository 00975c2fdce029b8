"""Whom a public endpoint answers, by the bodies of each service and the rules that it has as children."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.public_endpoint import EndpointAccess, answers, is_unrestricted
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

pytestmark = pytest.mark.system

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
PLACE = f"{SUB}/resourcegroups/rg/providers"
SQL, RULES = "microsoft.sql/servers", "microsoft.sql/servers/firewallrules"
SITE, CONFIG = "microsoft.web/sites", "microsoft.web/sites/config"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOBODY, LISTED, EVERYBODY = EndpointAccess.NOBODY, EndpointAccess.LISTED, EndpointAccess.EVERYBODY


def told(
    type_: str, properties: dict[str, Any], *children: tuple[str, dict[str, Any]], read: tuple[str, ...] = ()
):
    """What is told of a resource of a type with children."""
    id_ = f"{PLACE}/{type_}/one"
    bodies = [{"id": id_, "properties": properties}]
    bodies += [{"id": f"{id_}/{name}", "properties": body} for name, body in children]
    resources = [Resource.of(one) for one in bodies]
    coverage = Coverage({SUB: frozenset([type_, *read])}, declared=True)
    found = EstateView(Estate.of(resources, coverage), NOON)
    return answers(found.estate.resources[id_], found)


CASES: list[tuple[str, Any, EndpointAccess | None]] = [
    ("a vault that is closed", ("microsoft.keyvault/vaults", {"publicNetworkAccess": "Disabled"}), NOBODY),
    ("a vault of a perimeter", ("microsoft.keyvault/vaults", {"publicNetworkAccess": "SecuredByPerimeter"}), NOBODY),
    ("a vault that lists no network", ("microsoft.keyvault/vaults", {"networkAcls": {"defaultAction": "Deny"}}), NOBODY),
    ("a vault with rules", ("microsoft.keyvault/vaults",
                            {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "198.51.100.4"}]}}), LISTED),
    ("an account with empty lists", ("microsoft.storage/storageaccounts", {"networkAcls": {
        "defaultAction": "Deny", "bypass": "AzureServices", "ipRules": [], "virtualNetworkRules": [],
    }}), NOBODY),
    ("an account of a subnet", ("microsoft.storage/storageaccounts", {"networkAcls": {
        "defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": [{"id": "/subscriptions/x"}],
    }}), LISTED),
    ("a vault without", ("microsoft.keyvault/vaults", {"publicNetworkAccess": "Enabled", "networkAcls": None}), EVERYBODY),
    ("an account", ("microsoft.storage/storageaccounts", {"networkAcls": {"defaultAction": "Allow"}}), EVERYBODY),
    ("a search service", ("microsoft.search/searchservices",
                          {"publicNetworkAccess": "enabled", "networkRuleSet": {"ipRules": [{"value": "198.51.100.4"}]}}), LISTED),
    ("a network", ("microsoft.network/virtualnetworks", {}), None),
    ("a cluster", ("microsoft.containerservice/managedclusters", {"apiServerAccessProfile": {}}), EVERYBODY),
    ("a cluster with ranges", ("microsoft.containerservice/managedclusters",
                               {"apiServerAccessProfile": {"authorizedIPRanges": ["198.51.100.0/24"]}}), LISTED),
    ("a cluster with every range", ("microsoft.containerservice/managedclusters",
                                    {"apiServerAccessProfile": {"authorizedIPRanges": ["0.0.0.0/0"]}}), EVERYBODY),
    ("a private cluster", ("microsoft.containerservice/managedclusters",
                           {"apiServerAccessProfile": {"enablePrivateCluster": True}}), NOBODY),
    ("cosmos with addresses", ("microsoft.documentdb/databaseaccounts",
                               {"publicNetworkAccess": "Enabled", "ipRules": [{"ipAddressOrRange": "198.51.100.4"}]}), LISTED),
    ("cosmos with networks", ("microsoft.documentdb/databaseaccounts", {
        "isVirtualNetworkFilterEnabled": True, "virtualNetworkRules": [{"id": "/subscriptions/x"}],
    }), LISTED),
    ("cosmos without networks", ("microsoft.documentdb/databaseaccounts", {"isVirtualNetworkFilterEnabled": True}), NOBODY),
    ("cosmos", ("microsoft.documentdb/databaseaccounts", {"publicNetworkAccess": "Enabled", "ipRules": []}), EVERYBODY),
    ("a flexible server in a network", ("microsoft.dbforpostgresql/flexibleservers",
                                        {"network": {"publicNetworkAccess": "Disabled"}}), NOBODY),
    ("a site", (SITE, {"publicNetworkAccess": "Enabled"}), EVERYBODY),
    ("a site of one range", (SITE, {"publicNetworkAccess": "Enabled"}, ("config/web", {
        "ipSecurityRestrictionsDefaultAction": "Deny", "ipSecurityRestrictions": [{"ipAddress": "198.51.100.0/24", "action": "Allow"}],
    })), LISTED),
    ("a site that denies all", (SITE, {}, ("config/web", {
        "ipSecurityRestrictionsDefaultAction": "Deny", "ipSecurityRestrictions": [],
    })), LISTED),
]  # fmt: skip


@pytest.mark.parametrize(("given", "wanted"), [one[1:] for one in CASES], ids=[one[0] for one in CASES])
def test_whom_it_answers(given: Any, wanted: EndpointAccess | None) -> None:
    assert told(given[0], given[1], *given[2:], read=(CONFIG,)) is wanted


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ([], LISTED),
        ([("198.51.100.4", "198.51.100.4")], LISTED),
        ([("0.0.0.0", "0.0.0.0")], LISTED),
        ([("0.0.0.0", "255.255.255.255")], EVERYBODY),
        ([("0.0.0.0", "127.255.255.255"), ("128.0.0.0", "255.255.255.255")], EVERYBODY),
    ],
)
def test_servers_by_their_firewall_rules(rules: list[tuple[str, str]], wanted: EndpointAccess) -> None:
    children = [
        (f"firewallrules/r{at}", {"startIpAddress": start, "endIpAddress": end})
        for at, (start, end) in enumerate(rules)
    ]
    assert told(SQL, {"publicNetworkAccess": "Enabled"}, *children, read=(RULES,)) is wanted


@pytest.mark.parametrize(
    ("type_", "read", "children", "wanted"),
    [
        (SQL, (RULES, f"{SQL}/virtualnetworkrules"), (), NOBODY),
        (SQL, (RULES, f"{SQL}/virtualnetworkrules"), (("virtualnetworkrules/one", {"state": "Ready"}),), LISTED),
        ("microsoft.dbformysql/flexibleservers", ("microsoft.dbformysql/flexibleservers/firewallrules",), (), NOBODY),
    ],
)  # fmt: skip
def test_servers_without_firewall_rules(
    type_: str,
    read: tuple[str, ...],
    children: tuple[tuple[str, dict[str, Any]], ...],
    wanted: EndpointAccess,
) -> None:
    assert told(type_, {"publicNetworkAccess": "Enabled"}, *children, read=read) is wanted


def test_rules_that_were_not_read_leave_it_open() -> None:
    with pytest.raises(DataNotCollectedError):
        told(SQL, {"publicNetworkAccess": "Enabled"})


@pytest.mark.parametrize(
    ("restrictions", "otherwise", "wanted"),
    [
        (None, "", True),
        ([], "Deny", False),
        ([], "Allow", True),
        ([{"ipAddress": "198.51.100.0/24", "action": "Deny"}], "Allow", True),
        ([{"ipAddress": "198.51.100.0/24", "action": "Allow"}], "", False),
        ([{"ipAddress": "Any", "action": "Deny", "priority": 2}, {"ipAddress": "Any", "priority": 1}], "", True),
    ],
)  # fmt: skip
def test_restrictions_of_sites(restrictions: Any, otherwise: str, wanted: bool) -> None:
    assert is_unrestricted(restrictions, otherwise) is wanted
