"""The network of a scale set's model: addresses per instance, pools, groups."""

from __future__ import annotations

from typing import Any

import pytest


def scale_set(world: Any, inner: dict[str, Any], rules: list[str], public: bool = True) -> Any:
    configuration = {"subnet": {"id": "~net/virtualNetworks/main/subnets/app"}, **inner}
    if public:
        configuration["publicIPAddressConfiguration"] = {"name": "pip", "sku": {"name": "Standard"}}
    card = {"name": "nic", "properties": {"ipConfigurations": [{"name": "ip", "properties": configuration}]}}
    body = {
        "id": "~rg/providers/Microsoft.Compute/virtualMachineScaleSets/set",
        "properties": {
            "virtualMachineProfile": {"networkProfile": {"networkInterfaceConfigurations": [card]}}
        },
    }
    described = {
        "vnets": {
            "main": {"space": ["10.0.0.0/16"], "subnets": {"app": {"prefix": "10.0.1.0/24", "nsg": "edge"}}}
        },
        "nsgs": {"edge": rules},
        "extra": [body],
    }
    view = world.view(described)
    (resource,) = view.list_resources("microsoft.compute/virtualmachinescalesets")
    return view, resource


@pytest.mark.parametrize(
    ("rules", "ports"),
    [
        ([], []),
        (["100 Allow In Tcp Internet * -> * 22"], [22]),
        (["100 Allow In Tcp Internet * -> 10.0.1.128/25 22"], [22]),  # some instance lies there
        (
            ["90 Deny In Tcp * * -> 10.0.1.128/25 22", "100 Allow In Tcp * * -> * 22"],
            [22],
        ),  # and some does not
        (["90 Deny In Tcp * * -> 10.0.1.0/24 22", "100 Allow In Tcp * * -> * 22"], []),
        (["100 Allow In Tcp Internet * -> 10.0.2.0/24 22"], []),
    ],
)
def test_instances_with_addresses_of_their_own(world: Any, rules: list[str], ports: list[int]) -> None:
    view, resource = scale_set(world, {}, rules)
    found, missing = view.exposure.find_reached_ports(resource, "tcp", [22, 3389])
    assert ([entry.port for entry in found], missing) == (ports, ())


def test_no_way_in(world: Any) -> None:
    view, resource = scale_set(world, {}, ["100 Allow In Tcp Internet * -> * 22"], public=False)
    assert not view.exposure.is_internet_facing(resource)


def test_the_path_is_explained(world: Any) -> None:
    view, resource = scale_set(world, {}, ["100 Allow In Tcp Internet * -> * 22 ssh"])
    ((entry,), _) = view.exposure.find_reached_ports(resource, "tcp", [22])
    assert entry.way.kind == "public address"
    # the addresses of its instances are of IPv4: strangers of IPv6 reach none
    assert [(opening.family, rule.name) for opening in entry.openings for rule in opening.rules] == [
        (4, "ssh")
    ]
