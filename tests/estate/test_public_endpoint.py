"""Whom a public endpoint answers, by the bodies of each service and the rules that it has as children."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest

from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.endpoint_access import EndpointAccess
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_view import EstateView
from nephoscope.estate.public_endpoint import JUDGED, find_endpoint_access, is_access_unrestricted
from nephoscope.estate.service_network_rules import NAMESPACES
from nephoscope_policy.aliases import Aliases
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

pytestmark = pytest.mark.system

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
PLACE = f"{SUB}/resourcegroups/rg/providers"
SQL, RULES = "microsoft.sql/servers", "microsoft.sql/servers/firewallrules"
SITE, CONFIG = "microsoft.web/sites", "microsoft.web/sites/config"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOBODY, LISTED, EVERYBODY = EndpointAccess.NOBODY, EndpointAccess.LISTED, EndpointAccess.EVERYBODY

OPEN_DISK = {"publicNetworkAccess": "Enabled", "networkAccessPolicy": "AllowAll"}


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
    return find_endpoint_access(found.estate.resources[id_], found)


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
    ("kusto", ("microsoft.kusto/clusters", {"publicNetworkAccess": "Enabled"}), EVERYBODY),
    ("kusto of a range", ("microsoft.kusto/clusters", {"allowedIpRangeList": ["198.51.100.0/24"]}), LISTED),
    ("kusto of every range", ("microsoft.kusto/clusters", {"allowedIpRangeList": ["0.0.0.0/1", "128.0.0.0/1"]}), EVERYBODY),
    ("a topic", ("microsoft.eventgrid/topics", {"publicNetworkAccess": "Enabled", "inboundIpRules": []}), EVERYBODY),
    ("a topic of a range", ("microsoft.eventgrid/topics", {
        "publicNetworkAccess": "Enabled", "inboundIpRules": [{"ipMask": "198.51.100.0/24", "action": "Allow"}],
    }), LISTED),
    ("a hub", ("microsoft.devices/iothubs", {"publicNetworkAccess": "Enabled", "ipFilterRules": []}), EVERYBODY),
    ("a hub whose filter ends with Reject", ("microsoft.devices/iothubs", {"ipFilterRules": [
        {"action": "Accept", "ipMask": "198.51.100.0/24"}, {"action": "Reject", "ipMask": "0.0.0.0/0"},
    ]}), LISTED),
    ("a hub that rejects all first", ("microsoft.devices/iothubs", {"ipFilterRules": [
        {"action": "Reject", "ipMask": "0.0.0.0/0"}, {"action": "Accept", "ipMask": "198.51.100.0/24"},
    ]}), NOBODY),
    ("a hub that rejects some", ("microsoft.devices/iothubs", {"ipFilterRules": [
        {"action": "Reject", "ipMask": "198.51.100.0/24"},
    ]}), EVERYBODY),
    ("a hub with a rule set", ("microsoft.devices/iothubs", {"networkRuleSets": {
        "defaultAction": "Deny", "ipRules": [{"action": "Allow", "ipMask": "198.51.100.0/24"}],
    }}), LISTED),
    ("signalr", ("microsoft.signalrservice/signalr", {"networkACLs": {
        "defaultAction": "Deny", "publicNetwork": {"allow": ["ClientConnection"]},
    }}), EVERYBODY),
    ("signalr without public requests", ("microsoft.signalrservice/signalr", {"networkACLs": {
        "defaultAction": "Deny", "publicNetwork": {"allow": []},
    }}), NOBODY),
    ("web pubsub that denies every kind", ("microsoft.signalrservice/webpubsub", {"networkACLs": {
        "defaultAction": "Allow", "publicNetwork": {"deny": ["ServerConnection", "ClientConnection", "RESTAPI", "Trace"]},
    }}), NOBODY),
    ("batch", ("microsoft.batch/batchaccounts", {"publicNetworkAccess": "Enabled"}), EVERYBODY),
    ("batch of a range", ("microsoft.batch/batchaccounts", {"networkProfile": {"accountAccess": {
        "defaultAction": "Deny", "ipRules": [{"action": "Allow", "value": "198.51.100.0/24"}],
    }}}), LISTED),
    ("api management", ("microsoft.apimanagement/service", {"virtualNetworkType": "External"}), EVERYBODY),
    ("internal api management", ("microsoft.apimanagement/service", {"virtualNetworkType": "Internal"}), NOBODY),
    ("containers with an address", ("microsoft.containerinstance/containergroups", {"ipAddress": {"type": "Public"}}), EVERYBODY),
    ("containers in a network", ("microsoft.containerinstance/containergroups", {"ipAddress": {"type": "Private"}}), NOBODY),
    ("containers without an address", ("microsoft.containerinstance/containergroups", {}), NOBODY),
    ("file sync", ("microsoft.storagesync/storagesyncservices", {"incomingTrafficPolicy": "AllowAllTraffic"}), EVERYBODY),
    ("closed file sync", ("microsoft.storagesync/storagesyncservices", {"incomingTrafficPolicy": "AllowVirtualNetworksOnly"}), NOBODY),
    ("a disk whose state was not read", ("microsoft.compute/disks", {"publicNetworkAccess": "Enabled"}), None),
    ("an attached disk", ("microsoft.compute/disks", {**OPEN_DISK, "diskState": "Attached"}), NOBODY),
    ("a disk with a link", ("microsoft.compute/disks", {**OPEN_DISK, "diskState": "ActiveSAS"}), EVERYBODY),
    ("a disk that is uploaded", ("microsoft.compute/disks", {**OPEN_DISK, "diskState": "ActiveUpload"}), EVERYBODY),
    ("a snapshot with a link", ("microsoft.compute/snapshots", {**OPEN_DISK, "diskState": "ActiveSAS"}), EVERYBODY),
    ("a snapshot without", ("microsoft.compute/snapshots", {**OPEN_DISK, "diskState": "Unattached"}), NOBODY),
    ("a closed disk with a link", ("microsoft.compute/disks", {"publicNetworkAccess": "Disabled", "diskState": "ActiveSAS"}), NOBODY),
    ("a disk of an access", ("microsoft.compute/disks", {"networkAccessPolicy": "AllowPrivate"}), NOBODY),
    ("a disk without exports", ("microsoft.compute/disks", {"networkAccessPolicy": "DenyAll"}), NOBODY),
    ("a cache in a subnet", ("microsoft.cache/redis", {"subnetId": "/subscriptions/x"}), NOBODY),
    ("an app without ingress", ("microsoft.app/containerapps", {"configuration": {}}), NOBODY),
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
    assert is_access_unrestricted(restrictions, otherwise) is wanted


RULE_SETS = [
    ({}, EVERYBODY),
    ({"defaultAction": "Allow", "ipRules": [{"ipMask": "198.51.100.4", "action": "Allow"}]}, EVERYBODY),
    ({"defaultAction": "Deny"}, NOBODY),
    ({"defaultAction": "Deny", "ipRules": [{"ipMask": "198.51.100.4", "action": "Allow"}]}, LISTED),
    ({"defaultAction": "Deny", "ipRules": [{"ipMask": "0.0.0.0/0", "action": "Allow"}]}, EVERYBODY),
    ({"defaultAction": "Deny", "virtualNetworkRules": [{"subnet": {"id": "/subscriptions/x"}}]}, LISTED),
    ({"defaultAction": "Allow", "publicNetworkAccess": "Disabled"}, NOBODY),
]


@pytest.mark.parametrize("type_", NAMESPACES)
@pytest.mark.parametrize(("rules", "wanted"), RULE_SETS)
def test_namespaces_by_their_rule_set(type_: str, rules: dict[str, Any], wanted: EndpointAccess) -> None:
    child, read = ("networkrulesets/default", rules), (f"{type_}/networkrulesets",)
    assert told(type_, {"publicNetworkAccess": "Enabled"}, child, read=read) is wanted
    assert told(type_, {"publicNetworkAccess": "Disabled"}) is NOBODY
    with pytest.raises(DataNotCollectedError):
        told(type_, {"publicNetworkAccess": "Enabled"})


def test_a_rule_set_is_no_endpoint() -> None:
    id_ = f"{PLACE}/microsoft.eventhub/namespaces/one/networkRuleSets/default"
    resource = Resource.of(
        {"id": id_, "properties": {"publicNetworkAccess": "Enabled", "defaultAction": "Allow"}}
    )
    view = EstateView(Estate.of([resource], Coverage.cover_everything()), NOON)
    assert find_endpoint_access(resource, view) is None


@pytest.mark.parametrize(
    ("type_", "names", "ranges", "wanted"),
    [
        ("microsoft.cache/redis", ("startIP", "endIP"), [], EVERYBODY),
        ("microsoft.cache/redis", ("startIP", "endIP"), [("198.51.100.0", "198.51.100.9")], LISTED),
        ("microsoft.cache/redis", ("startIP", "endIP"), [("0.0.0.0", "255.255.255.255")], EVERYBODY),
        ("microsoft.synapse/workspaces", ("startIpAddress", "endIpAddress"), [], NOBODY),
        ("microsoft.synapse/workspaces", ("startIpAddress", "endIpAddress"), [("198.51.100.0", "198.51.100.9")], LISTED),
        ("microsoft.synapse/workspaces", ("startIpAddress", "endIpAddress"), [("0.0.0.0", "255.255.255.255")], EVERYBODY),
    ],
)  # fmt: skip
def test_services_by_their_firewall_rules(
    type_: str, names: tuple[str, str], ranges: list[tuple[str, str]], wanted: EndpointAccess
) -> None:
    children = [(f"firewallrules/r{at}", dict(zip(names, one, strict=True))) for at, one in enumerate(ranges)]
    assert (
        told(type_, {"publicNetworkAccess": "Enabled"}, *children, read=(f"{type_}/firewallrules",)) is wanted
    )
    with pytest.raises(DataNotCollectedError):
        told(type_, {"publicNetworkAccess": "Enabled"}, *children)


@pytest.mark.parametrize(
    ("restrictions", "environment", "wanted"),
    [
        ([], {}, EVERYBODY),
        ([{"action": "Allow", "ipAddressRange": "198.51.100.0/24"}], {}, LISTED),
        ([{"action": "Deny", "ipAddressRange": "198.51.100.0/24"}], {}, EVERYBODY),
        ([], {"vnetConfiguration": {"internal": True}}, NOBODY),
        ([], {"publicNetworkAccess": "Disabled"}, NOBODY),
        ([], None, None),
    ],
)  # fmt: skip
def test_container_apps_by_ingress_and_environment(
    restrictions: list[dict[str, Any]], environment: dict[str, Any] | None, wanted: EndpointAccess | None
) -> None:
    ingress = {"external": True, "ipSecurityRestrictions": restrictions}
    place = f"{PLACE}/microsoft.app/managedEnvironments/e"
    app = {
        "id": f"{PLACE}/microsoft.app/containerapps/one",
        "properties": {"environmentId": place, "configuration": {"ingress": ingress}},
    }
    bodies = [app, *([{"id": place, "properties": environment}] if environment is not None else [])]
    view = EstateView(Estate.of([Resource.of(one) for one in bodies], Coverage.cover_everything()), NOON)
    resource = view.estate.resources[app["id"]]
    if wanted is None:
        with pytest.raises(DataNotCollectedError):
            find_endpoint_access(resource, view)
    else:
        assert find_endpoint_access(resource, view) is wanted


#: Types whose aliases have network rules or private endpoints, and whom the model does not judge, each with the reason.
NOT_MODELLED = {
    "microsoft.aadiam/privatelinkforazuread": "a list of private endpoints, no endpoint of its own",
    "microsoft.compute/diskaccesses": "a list of private endpoints: the disks say whom they answer",
    "microsoft.insights/privatelinkscopes": "a list of private endpoints: workspaces and components say whom they answer",
    "microsoft.kubernetesconfiguration/privatelinkscopes": "a list of private endpoints, no endpoint of its own",
    "microsoft.insights/components": "ingestion and query are endpoints that all components of a region share",
    "microsoft.operationalinsights/workspaces": "ingestion and query are endpoints that all workspaces of a region share",
    "microsoft.cache/redisenterprise": "its body says it since 2025-07-01 alone; what says it is judged by publicNetworkAccess",
    "microsoft.hdinsight/clusters": "its gateway is reached as the security groups of its subnet say",
    "microsoft.healthcareapis/services": "its body says it by publicNetworkAccess, which no alias has",
    "microsoft.healthcareapis/workspaces": "its body says it by publicNetworkAccess, which no alias has",
    "microsoft.purview/accounts": "its body says it by publicNetworkAccess, which no alias has",
}
_RULES = re.compile(
    "(?:publicnetworkaccess|networkacls|networkrulesets?|iprules|virtualnetworkrules|firewallrules|ipsecurityrestrictions|"
    "authorizedipranges|privateendpointconnections|inboundiprules|ipfilterrules)"
)


def test_every_type_with_network_rules_is_judged_or_listed_with_the_reason() -> None:
    """Types by the aliases of the built-in policies: who says nothing of the Internet in the model is named here."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for alias in Aliases.load_builtin().names():
        namespace, _, rest = alias.lower().partition("/")
        type_, _, path = rest.partition("/")
        if _RULES.search(path):
            found[f"{namespace}/{type_}"].add(path)
    assert len(found) > 55
    silent = {
        type_
        for type_, paths in found.items()
        if type_ not in JUDGED and not any(_says_it(path) for path in paths)
    }
    assert silent == set(NOT_MODELLED)


def _says_it(path: str) -> bool:
    """Return whether a body says by itself whom it answers, in the words that many services share."""
    return path == "publicnetworkaccess" or path.startswith(("networkacls", "networkruleset."))
