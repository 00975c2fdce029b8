"""Paths of flows through small estates: security admin rules, routes, firewalls, outbound access and services without interfaces."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nephoscope.collect.resources.snapshot_loading import load
from nephoscope.estate.data_gap import DataNotCollectedError
from nephoscope.estate.effective_routes import EffectiveRoute, build_system_routes, select_route
from nephoscope.estate.estate import Estate
from nephoscope.estate.firewall_rules import FirewallFlow, evaluate_firewall_rules, list_firewall_rules
from nephoscope.estate.firewalls import iterate_dnat_rules
from nephoscope.estate.flow_path import FlowDisposition, FlowPaths, PathFlow
from nephoscope.estate.network import Network
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource


@pytest.fixture(scope="module")
def world() -> ModuleType:
    """tests/analyze/world.py"""
    path = Path(__file__).parent.parent / "analyze" / "world.py"
    spec = importlib.util.spec_from_file_location("paths_world", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
NET = f"{SUB}/resourceGroups/rg/providers/Microsoft.Network"
FIREWALL = f"{NET}/azureFirewalls/fw"
MANAGER = f"{NET}/networkManagers/nm"
ADMIN = f"{MANAGER}/securityAdminConfigurations/admin"


def body(id_: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "name": id_.rsplit("/", 1)[-1], "location": "westeurope", "properties": properties}


def admin_rules(rules: list[tuple[int, str, str]], *, deployed: bool | None = True) -> list[dict[str, Any]]:
    """Inbound rules (priority, access, port) over the network `hub`."""
    found = [
        body(MANAGER, {"networkManagerScopes": {"subscriptions": [SUB]}}),
        body(f"{MANAGER}/networkGroups/g/staticMembers/m", {"resourceId": f"{NET}/virtualNetworks/hub"}),
        body(
            f"{ADMIN}/ruleCollections/c",
            {"appliesToGroups": [{"networkGroupId": f"{MANAGER}/networkGroups/g"}]},
        ),
    ]
    for priority, access, port in rules:
        told = {"priority": priority, "access": access, "direction": "Inbound", "protocol": "Tcp"}
        found.append(
            body(
                f"{ADMIN}/ruleCollections/c/rules/a{priority}",
                {**told, "sources": [], "destinations": [], "destinationPortRanges": [port]},
            )
        )
    if deployed is not None:
        configurations = [ADMIN] if deployed else []
        found.append(body(f"{MANAGER}/deploymentStatus/westeurope", {"configurationIds": configurations}))
    return found


def firewall(rules: list[dict[str, Any]], *, action: str = "Allow") -> dict[str, Any]:
    collection = {"name": "c", "properties": {"priority": 200, "action": {"type": action}, "rules": rules}}
    address = {
        "subnet": {"id": f"{NET}/virtualNetworks/hub/subnets/azurefirewallsubnet"},
        "privateIPAddress": "10.0.9.4",
    }
    configurations = [{"name": "ip", "properties": address}]
    return body(FIREWALL, {"ipConfigurations": configurations, "networkRuleCollections": [collection]})


WEB = {
    "name": "web",
    "protocols": ["TCP"],
    "sourceAddresses": ["10.0.1.0/24"],
    "destinationAddresses": ["*"],
    "destinationPorts": ["443"],
}
ROUTED = {"routes": {"rt": {"0.0.0.0/0": "VirtualAppliance"}}}
HUB = {
    "space": ["10.0.0.0/16"],
    "subnets": {
        "app": {"prefix": "10.0.1.0/24"},
        "db": {"prefix": "10.0.2.0/24", "nsg": "db"},
        "azurefirewallsubnet": {"prefix": "10.0.9.0/26"},
    },
}
NSGS = {"db": ["100 Allow In Tcp 10.0.1.0/24 * -> * 1433 sql", "4000 Deny In * * * -> * * no"]}
VMS = {
    "app": {"subnet": "hub/app", "ip": "10.0.1.4"},
    "db": {"subnet": "hub/db", "ip": "10.0.2.4"},
}


def estate_of(world: ModuleType, extra: list[dict[str, Any]], *, outbound: bool | None = None) -> Estate:
    described = world.estate({"nsgs": NSGS, "vnets": {"hub": HUB}, "vms": VMS})
    bodies = [dict(one.body) for one in described.resources.values() if not one.derived]
    for one in bodies:
        if outbound is not None and "/networkinterfaces/" in one["id"].lower():
            one["properties"] = {**one["properties"], "defaultOutboundConnectivityEnabled": outbound}
    return Estate.of([Resource.of(one) for one in [*bodies, *extra]], Coverage.cover_everything())


def walk(estate: Estate, source: str, destination: str, port: int, protocol: str = "tcp") -> tuple[str, str]:
    paths = FlowPaths(Network(estate))
    machine = next(
        one for one in estate.list_of_type("microsoft.compute/virtualmachines") if one.id.name == source
    )
    (end,) = paths.list_endpoints(machine)
    found = paths.walk(end, PathFlow(destination, protocol, port))
    return found.disposition.name, found.decided_by


ADMIN_CASES: list[tuple[list[tuple[int, str, str]], str, int, tuple[str, str]]] = [
    ([], "10.0.2.4", 1433, ("ACCEPTED", "sql")),
    ([], "10.0.2.4", 22, ("DENIED_IN", "no")),
    ([], "10.0.2.9", 1433, ("NO_HOST", "")),
    ([], "10.0.77.1", 1433, ("NO_ROUTE", "")),
    ([], "10.200.0.1", 1433, ("DROPPED", "")),
    ([(1, "Deny", "1433")], "10.0.2.4", 1433, ("DENIED_IN", "a1")),
    ([(1, "AlwaysAllow", "22")], "10.0.2.4", 22, ("ACCEPTED", "a1")),
    ([(1, "Allow", "22")], "10.0.2.4", 22, ("DENIED_IN", "no")),
    ([(1, "Allow", "1433"), (2, "Deny", "1433")], "10.0.2.4", 1433, ("ACCEPTED", "sql")),
    ([(9, "Deny", "22"), (10, "AlwaysAllow", "22")], "10.0.2.4", 22, ("DENIED_IN", "a9")),
]


@pytest.mark.parametrize(("rules", "destination", "port", "want"), ADMIN_CASES)
def test_flows_inside_a_network(
    world: ModuleType, rules: list[tuple[int, str, str]], destination: str, port: int, want: tuple[str, str]
) -> None:
    assert walk(estate_of(world, admin_rules(rules)), "app", destination, port) == want


def test_rules_that_are_not_deployed_change_nothing(world: ModuleType) -> None:
    estate = estate_of(world, admin_rules([(1, "Deny", "1433")], deployed=False))
    assert walk(estate, "app", "10.0.2.4", 1433) == ("ACCEPTED", "sql")


def test_where_deployment_is_not_known_only_what_it_cannot_change_is(world: ModuleType) -> None:
    estate = estate_of(world, admin_rules([(1, "Deny", "22-1433")], deployed=None))
    assert walk(estate, "app", "10.0.2.4", 22)[0] == "DENIED_IN"
    with pytest.raises(DataNotCollectedError, match="are deployed"):
        walk(estate, "app", "10.0.2.4", 1433)


@pytest.mark.parametrize(("outbound", "want"), [(True, "EXITS"), (False, "NO_OUTBOUND")])
def test_the_internet_needs_outbound_access(world: ModuleType, outbound: bool, want: str) -> None:
    assert walk(estate_of(world, [], outbound=outbound), "app", "93.184.216.34", 443)[0] == want


def test_outbound_access_that_is_not_known_is_named(world: ModuleType) -> None:
    with pytest.raises(DataNotCollectedError, match="defaultOutboundConnectivityEnabled"):
        walk(estate_of(world, []), "app", "93.184.216.34", 443)


def routed(world: ModuleType, extra: list[dict[str, Any]]) -> Estate:
    """The subnet `app` sends everything to 10.0.9.4."""
    estate = estate_of(world, extra)
    table = body(
        f"{NET}/routeTables/rt",
        {
            "routes": [
                {
                    "name": "all",
                    "properties": {
                        "addressPrefix": "0.0.0.0/0",
                        "nextHopType": "VirtualAppliance",
                        "nextHopIpAddress": "10.0.9.4",
                    },
                }
            ]
        },
    )
    bodies = [dict(one.body) for one in estate.resources.values() if not one.derived]
    for one in bodies:
        for subnet in one.get("properties", {}).get("subnets", []):
            if subnet["name"] == "app":
                subnet["properties"] = {**subnet["properties"], "routeTable": {"id": table["id"]}}
    return Estate.of([Resource.of(one) for one in [*bodies, table]], Coverage.cover_everything())


def test_a_firewall_on_the_way_decides(world: ModuleType) -> None:
    estate = routed(world, [firewall([WEB])])
    assert walk(estate, "app", "93.184.216.34", 443) == ("EXITS", "web")
    assert walk(estate, "app", "93.184.216.34", 25) == ("DENIED_BY_FIREWALL", "")
    assert walk(estate, "app", "10.0.2.4", 1433) == ("ACCEPTED", "sql")


def test_an_appliance_of_which_nothing_is_known_is_named(world: ModuleType) -> None:
    with pytest.raises(DataNotCollectedError, match=r"appliance at 10\.0\.9\.4"):
        walk(routed(world, []), "app", "93.184.216.34", 443)


def policy(
    name: str, priority: int, rules: list[dict[str, Any]], *, base: str = "", action: str = "Allow"
) -> list[dict[str, Any]]:
    id_ = f"{NET}/firewallPolicies/{name}"
    parent = {"basePolicy": {"id": f"{NET}/firewallPolicies/{base}"}} if base else {}
    collection = {"name": "c", "priority": 100, "action": {"type": action}, "rules": rules}
    group = {"priority": priority, "ruleCollections": [collection]}
    return [body(id_, parent), body(f"{id_}/ruleCollectionGroups/g", group)]


def network_rule(name: str, port: str) -> dict[str, Any]:
    return {
        "ruleType": "NetworkRule",
        "name": name,
        "ipProtocols": ["TCP"],
        "sourceAddresses": ["*"],
        "destinationAddresses": ["*"],
        "destinationPorts": [port],
    }


def application_rule(name: str, fqdn: str) -> dict[str, Any]:
    return {
        "ruleType": "ApplicationRule",
        "name": name,
        "protocols": [{"protocolType": "Https", "port": 443}],
        "sourceAddresses": ["*"],
        "targetFqdns": [fqdn],
    }


def dnat_rule(name: str) -> dict[str, Any]:
    return {
        "ruleType": "NatRule",
        "name": name,
        "ipProtocols": ["TCP"],
        "sourceAddresses": ["*"],
        "destinationAddresses": ["203.0.113.1"],
        "destinationPorts": ["3389"],
        "translatedAddress": "10.0.1.4",
        "translatedPort": "3389",
    }


FIREWALL_CASES = [
    (
        "the parent comes first",
        policy("p", 100, [network_rule("own", "22")], base="b")
        + policy("b", 900, [network_rule("base", "22")], action="Deny"),
        ("", 22),
        (False, "base"),
    ),
    (
        "network before application",
        policy("p", 100, [application_rule("app", "*.contoso.com"), network_rule("net", "443")]),
        ("www.contoso.com", 443),
        (True, "net"),
    ),
    (
        "a name under a wildcard",
        policy("p", 100, [application_rule("app", "*.contoso.com")]),
        ("www.contoso.com", 443),
        (True, "app"),
    ),
    (
        "another name",
        policy("p", 100, [application_rule("app", "*.contoso.com")]),
        ("contoso.org", 443),
        (False, ""),
    ),
    (
        "a parent's translation is not inherited",
        policy("p", 100, [], base="b") + policy("b", 100, [dnat_rule("rdp")]),
        ("", 3389),
        (False, ""),
    ),
    ("a translation allows", policy("p", 100, [dnat_rule("rdp")]), ("", 3389), (True, "rdp")),
]


@pytest.mark.parametrize(
    ("note", "extra", "flow", "want"), FIREWALL_CASES, ids=[case[0] for case in FIREWALL_CASES]
)
def test_firewall_policies(
    note: str, extra: list[dict[str, Any]], flow: tuple[str, int], want: tuple[bool, str]
) -> None:
    assert note
    top = body(FIREWALL, {"firewallPolicy": {"id": f"{NET}/firewallPolicies/p"}})
    estate = Estate.of([Resource.of(one) for one in [top, *extra]], Coverage.cover_everything())
    given = FirewallFlow("198.51.100.7", "203.0.113.1", "tcp", flow[1], flow[0])
    found = evaluate_firewall_rules(list_firewall_rules(estate.resources[FIREWALL.lower()], estate), given)
    assert (found.allow, found.rule.name if found.rule else "") == want


TRANSLATION_CASES = [
    ("of its own policy", policy("p", 100, [dnat_rule("own")]), ["own"]),
    (
        "of its own policy alone",
        policy("p", 100, [dnat_rule("own")], base="b") + policy("b", 100, [dnat_rule("base")]),
        ["own"],
    ),
    ("not of the parent", policy("p", 100, [], base="b") + policy("b", 100, [dnat_rule("base")]), []),
    ("whether or not the parent was read", policy("p", 100, [dnat_rule("own")], base="b"), ["own"]),
]


@pytest.mark.parametrize(
    ("note", "extra", "names"), TRANSLATION_CASES, ids=[case[0] for case in TRANSLATION_CASES]
)
def test_translations_of_a_firewall(note: str, extra: list[dict[str, Any]], names: list[str]) -> None:
    assert note
    for one in extra:
        for collection in one["properties"].get("ruleCollections", ()):
            collection["ruleCollectionType"] = "FirewallPolicyNatRuleCollection"
    top = body(FIREWALL, {"firewallPolicy": {"id": f"{NET}/firewallPolicies/p"}})
    estate = Estate.of([Resource.of(one) for one in [top, *extra]], Coverage.cover_everything())
    assert [one.name for one in iterate_dnat_rules(estate.resources[FIREWALL.lower()], estate)] == names


def test_a_firewall_whose_policy_was_not_read_is_named() -> None:
    top = body(FIREWALL, {"firewallPolicy": {"id": f"{NET}/firewallPolicies/p"}})
    estate = Estate.of([Resource.of(top)], Coverage.cover_everything())
    with pytest.raises(DataNotCollectedError, match="firewallpolicies/p"):
        list(iterate_dnat_rules(estate.resources[FIREWALL.lower()], estate))


ROUTE_CASES = [
    ([("User", "Storage", "Internet"), ("User", "52.0.0.0/16", "None")], "None"),
    (
        [("User", "Storage", "Internet"), ("User", "Storage.WestEurope", "VirtualAppliance")],
        "VirtualAppliance",
    ),
    ([("User", "AzureCloud.WestEurope", "Internet"), ("User", "Storage", "None")], "None"),
    ([("User", "AzureCloud", "Internet"), ("User", "AzureCloud.WestEurope", "None")], "None"),
]


@pytest.mark.parametrize(("routes", "want"), ROUTE_CASES)
def test_routes_of_an_equal_prefix(routes: list[tuple[str, str, str]], want: str) -> None:
    listed = [
        EffectiveRoute(source, prefix, hop, addresses=("52.0.0.0/16",)) for source, prefix, hop in routes
    ]
    for order in (listed, listed[::-1]):
        found = select_route(order, "52.0.3.4")
        assert found is not None
        assert found.next_hop == want


def test_an_opaque_tag_that_could_decide_is_named() -> None:
    routes = [
        EffectiveRoute("User", "Storage", "None", addresses=None),
        *build_system_routes(["10.0.0.0/16"]),
    ]
    with pytest.raises(DataNotCollectedError, match="service tag Storage"):
        select_route(routes, "52.0.3.4")
    inside = select_route(routes, "10.0.0.9")
    assert inside is not None
    assert inside.next_hop == "VnetLocal"


def test_a_space_that_holds_a_reserved_range_replaces_its_route() -> None:
    prefixes = {route.prefix for route in build_system_routes(["192.168.0.0/15"])}
    assert "192.168.0.0/16" not in prefixes
    assert "10.0.0.0/8" in prefixes


def test_every_end_has_its_words() -> None:
    assert len({one.value for one in FlowDisposition}) == len(FlowDisposition)


def service_tags(change: int, prefix: str) -> dict[str, Any]:
    values = [{"name": "Storage.WestEurope", "properties": {"addressPrefixes": [prefix]}}]
    return body(
        f"/providers/Microsoft.Network/serviceTags/{change}", {"changeNumber": change, "values": values}
    )


def test_the_newest_table_of_service_tags_is_used(world: ModuleType) -> None:
    network = Network(estate_of(world, [service_tags(7, "52.1.0.0/16"), service_tags(9, "52.2.0.0/16")]))
    assert network.service_tags.change_number == 9
    assert network.service_tags.prefixes == {"storage.westeurope": ("52.2.0.0/16",)}
    assert Network(estate_of(world, [])).service_tags.change_number == 0


def test_the_published_file_of_service_tags_is_read(tmp_path: Path) -> None:
    values = [
        {"name": "Storage", "id": "Storage", "properties": {"addressPrefixes": ["52.2.0.0/16", "2603::/40"]}}
    ]
    file = tmp_path / "ServiceTags_Public.json"
    file.write_text(json.dumps({"changeNumber": 412, "cloud": "Public", "values": values}))
    estate = load([str(file)])
    table = Network(estate).service_tags
    assert (table.change_number, table.prefixes["storage"]) == (412, ("52.2.0.0/16", "2603::/40"))


def private_endpoint(address: str) -> list[dict[str, Any]]:
    """A private endpoint of a storage account in the subnet `db`, with its zone linked to the network `hub`."""
    zone = f"{NET}/privateDnsZones/privatelink.blob.core.windows.net"
    connection = {
        "properties": {
            "privateLinkServiceId": f"{SUB}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/st"
        }
    }
    return [
        body(
            f"{NET}/privateEndpoints/pe",
            {
                "subnet": {"id": f"{NET}/virtualNetworks/hub/subnets/db"},
                "customDnsConfigs": [{"fqdn": "st.blob.core.windows.net", "ipAddresses": [address]}],
                "privateLinkServiceConnections": [connection],
            },
        ),
        body(zone, {}),
        body(f"{zone}/virtualNetworkLinks/hub", {"virtualNetwork": {"id": f"{NET}/virtualNetworks/hub"}}),
        body(f"{zone}/A/st", {"aRecords": [{"ipv4Address": address}]}),
    ]


@pytest.mark.parametrize(
    ("policies", "want"), [("Disabled", ("ACCEPTED", "AllowVnetOutBound")), ("Enabled", ("DENIED_IN", "no"))]
)
def test_groups_apply_to_private_endpoints_where_policies_say_so(
    world: ModuleType, policies: str, want: tuple[str, str]
) -> None:
    estate = estate_of(world, private_endpoint("10.0.2.77"))
    bodies = [dict(one.body) for one in estate.resources.values() if not one.derived]
    address = {"privateIPAddress": "10.0.2.77", "subnet": {"id": f"{NET}/virtualNetworks/hub/subnets/db"}}
    bodies.append(
        body(f"{NET}/networkInterfaces/pe-nic", {"ipConfigurations": [{"name": "ip", "properties": address}]})
    )
    for one in bodies:
        for subnet in one.get("properties", {}).get("subnets", []):
            subnet["properties"] = {**subnet["properties"], "privateEndpointNetworkPolicies": policies}
    found = Estate.of([Resource.of(one) for one in bodies], Coverage.cover_everything())
    disposition, rule = walk(found, "app", "10.0.2.77", 443)
    assert (disposition, rule or "AllowVnetOutBound") == want


def test_a_private_endpoint_has_a_route_of_its_own(world: ModuleType) -> None:
    estate = routed(world, private_endpoint("10.0.2.77"))
    assert walk(estate, "app", "10.0.2.77", 443)[0] == "ACCEPTED"


def test_names_are_resolved_by_linked_zones(world: ModuleType) -> None:
    endpoints = FlowPaths(Network(estate_of(world, private_endpoint("10.0.2.77")))).private_endpoints
    network = f"{NET}/virtualNetworks/hub".lower()
    assert endpoints.resolve(network, "st.privatelink.blob.core.windows.net") == ("10.0.2.77",)
    assert endpoints.resolve(network, "other.privatelink.blob.core.windows.net") == ()
    assert (
        endpoints.resolve(f"{NET}/virtualNetworks/spoke".lower(), "st.privatelink.blob.core.windows.net")
        == ()
    )
