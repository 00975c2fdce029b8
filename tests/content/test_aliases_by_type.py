"""Aliases that name no type of their own read where the type of the resource has them."""

from __future__ import annotations

import pytest

from nephoscope_policy import Aliases, Definition, Snapshot
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

COMPUTE = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Compute"
REFERENCE = {"imageReference": {"publisher": "Canonical", "offer": "o", "sku": "s", "id": "i"}}
MACHINE = {
    "id": f"{COMPUTE}/virtualMachines/m",
    "type": "Microsoft.Compute/virtualMachines",
    "properties": {"storageProfile": REFERENCE},
}
SET = {
    "id": f"{COMPUTE}/virtualMachineScaleSets/s",
    "type": "Microsoft.Compute/virtualMachineScaleSets",
    "properties": {"virtualMachineProfile": {"storageProfile": REFERENCE}},
}
INSTANCE = {
    "id": f"{COMPUTE}/virtualMachineScaleSets/s/virtualMachines/0",
    "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
    "properties": {"storageProfile": REFERENCE},
}


@pytest.mark.parametrize("body", [MACHINE, SET, INSTANCE])
@pytest.mark.parametrize("alias", ["imagePublisher", "imageOffer", "imageSku", "imageSKU", "imageId"])
def test_both_engines_find_the_image(body: dict, alias: str) -> None:
    rule = {
        "if": {"field": f"Microsoft.Compute/{alias}", "exists": True},
        "then": {"effect": "audit"},
    }
    definition = Definition.parse({"mode": "All", "policyRule": rule})
    resource = Resource.of(body)
    snapshot = Snapshot([resource])
    assert definition.evaluate(resource, snapshot).state is ComplianceState.NON_COMPLIANT
    assert definition.explain(resource, snapshot).state is ComplianceState.NON_COMPLIANT


def test_an_imported_table_keeps_the_paths_of_every_type() -> None:
    def kind(name: str, path: str) -> dict:
        entry = {"name": "Microsoft.Compute/imagePublisher", "defaultPath": path}
        return {"resourceType": name, "aliases": [entry]}

    table = Aliases.of(
        [
            {
                "namespace": "Microsoft.Compute",
                "resourceTypes": [kind("a", "properties.x"), kind("b", "properties.y")],
            }
        ]
    )
    name = "Microsoft.Compute/imagePublisher"
    assert table.resolve_field(name).spelled == ("properties", "x")
    assert table.resolve_field(name, "", "microsoft.compute/a").spelled == ("properties", "x")
    assert table.resolve_field(name, "", "microsoft.compute/b").spelled == ("properties", "y")


def test_an_imported_flat_table_does_not_hide_the_shipped_types() -> None:
    flat = Aliases.of({"Microsoft.Compute/imagePublisher": "properties.virtualMachineProfile.x"})
    merged = Aliases.load_builtin().merge(flat)
    found = merged.resolve_field("Microsoft.Compute/imagePublisher", "", "microsoft.compute/virtualmachines")
    assert found.spelled == ("properties", "storageProfile", "imageReference", "publisher")
