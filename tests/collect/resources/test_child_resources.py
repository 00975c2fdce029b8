"""Which children a parent's body carries, and which objects with an id are none."""

from __future__ import annotations

import pytest

from nephoscope.collect.resources.child_resources import iterate_children
from nephoscope_policy.model.resource_id import ResourceId

GROUP = "/subscriptions/s/resourceGroups/g/providers"
NSG = f"{GROUP}/Microsoft.Network/networkSecurityGroups/n"
VNET = f"{GROUP}/Microsoft.Network/virtualNetworks/v"
VM = f"{GROUP}/Microsoft.Compute/virtualMachines/m"
NIC = f"{GROUP}/Microsoft.Network/networkInterfaces/i"
BASKET = f"{GROUP}/Contoso.Fruit/baskets/b"

CASES = {
    "a rule with an id": (
        NSG,
        {"properties": {"securityRules": [{"id": f"{NSG}/securityRules/a", "name": "a", "properties": {"access": "Allow"}}]}},
        [("microsoft.network/networksecuritygroups/securityrules", "a", True)],
    ),
    "a rule without an id gets one": (
        NSG,
        {"properties": {"securityRules": [{"name": "b", "properties": {}}]}},
        [("microsoft.network/networksecuritygroups/securityrules", "b", True)],
    ),
    "default rules are not resources of their own": (
        NSG,
        {"properties": {"defaultSecurityRules": [{"id": f"{NSG}/defaultSecurityRules/a", "properties": {}}]}},
        [],
    ),
    "a subnet in other letters": (
        VNET,
        {"properties": {"Subnets": [{"id": f"{VNET}/SUBNETS/a".upper(), "properties": {}}]}},
        [("microsoft.network/virtualnetworks/subnets", "A", True)],
    ),
    "a subnet of another network": (
        VNET,
        {"properties": {"subnets": [{"id": f"{VNET}x/subnets/a", "properties": {}}]}},
        [],
    ),
    "a reference deeper down": (
        VNET,
        {"properties": {"subnets": [{"id": f"{VNET}/subnets/a/ipConfigurations/b", "properties": {}}]}},
        [],
    ),
    "an id that says another type than the list": (
        VNET,
        {"properties": {"subnets": [{"id": f"{VNET}/virtualNetworkPeerings/a", "properties": {}}]}},
        [],
    ),
    "an element with neither id nor name": (VNET, {"properties": {"subnets": [{"properties": {}}, "x", None]}}, []),
    "an interface's configurations": (
        NIC,
        {"properties": {"ipConfigurations": [{"id": f"{NIC}/ipConfigurations/a", "properties": {}}]}},
        [],
    ),
    "an extension in a machine": (
        VM,
        {"resources": [{"id": f"{VM}/extensions/e", "name": "e", "properties": {"publisher": "x"}}], "properties": {}},
        [("microsoft.compute/virtualmachines/extensions", "e", True)],
    ),
    "a reference to an extension is there and its body is not": (
        VM,
        {"resources": [{"id": f"{VM}/extensions/e"}], "properties": {}},
        [("microsoft.compute/virtualmachines/extensions", "e", False)],
    ),
    "private endpoint connections of any type": (
        BASKET,
        {"properties": {"privateEndpointConnections": [{"id": f"{BASKET}/privateEndpointConnections/p", "properties": {}}]}},
        [("contoso.fruit/baskets/privateendpointconnections", "p", True)],
    ),
    "properties that are no object": (VNET, {"properties": "x", "resources": "y"}, []),
}  # fmt: skip


@pytest.mark.parametrize(("text", "body", "want"), CASES.values(), ids=CASES)
def test_children(text, body, want):
    found = [
        (ResourceId.parse(r.body["id"]).type, r.body["name"], "properties" in r.body)
        for r in iterate_children({"id": text, **body}, ResourceId.parse(text))
    ]
    assert found == want


def test_children_of_children_are_found_and_the_parent_stays_as_it_was():
    circuit = f"{GROUP}/Microsoft.Network/expressRouteCircuits/c"
    connection = {"name": "x", "properties": {}}
    body = {
        "id": circuit,
        "properties": {"peerings": [{"name": "p", "properties": {"connections": [connection]}}]},
    }
    found = [record.body["id"] for record in iterate_children(body, ResourceId.parse(circuit))]
    assert found == [f"{circuit}/peerings/p", f"{circuit}/peerings/p/connections/x"]
    assert connection == {"name": "x", "properties": {}}
