"""What is published of networks: who reaches whom by the rules of a small estate that is written down here."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from nephoscope.collect.resources import load
from nephoscope.posture.published.kinds import allowed_connections, topologies

NOW = datetime(2026, 11, 1, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers"
NETWORK, OTHER = (
    f"{GROUP}/Microsoft.Network/virtualNetworks/v",
    f"{GROUP}/Microsoft.Network/virtualNetworks/w",
)


def rule(
    priority: int, ports: str, access: str, source: str = "*", direction: str = "Inbound"
) -> dict[str, Any]:
    return {
        "name": f"r{priority}",
        "properties": {
            "priority": priority, "access": access, "direction": direction, "protocol": "Tcp", "sourceAddressPrefix": source,
            "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": ports,
        },
    }  # fmt: skip


def machine(name: str, address: str, network: str = NETWORK, group: str = "") -> list[dict[str, Any]]:
    """A machine with an interface."""
    card = f"{GROUP}/Microsoft.Network/networkInterfaces/{name}"
    configuration = {
        "name": "c", "id": f"{card}/ipConfigurations/c",
        "properties": {"privateIPAddress": address, "subnet": {"id": f"{network}/subnets/s"}},
    }  # fmt: skip
    guard = (
        {"networkSecurityGroup": {"id": f"{GROUP}/Microsoft.Network/networkSecurityGroups/{group}"}}
        if group
        else {}
    )
    return [
        {
            "id": card, "name": name, "type": "Microsoft.Network/networkInterfaces",
            "properties": {"ipConfigurations": [configuration], **guard},
        },
        {
            "id": f"{GROUP}/Microsoft.Compute/virtualMachines/{name}", "name": name, "type": "Microsoft.Compute/virtualMachines",
            "location": "westeurope", "properties": {"networkProfile": {"networkInterfaces": [{"id": card}]}},
        },
    ]  # fmt: skip


def network(id_: str, prefix: str, peer: tuple[str, str] | None = None) -> dict[str, Any]:
    subnet = {"name": "s", "id": f"{id_}/subnets/s", "properties": {"addressPrefix": prefix}}
    properties = {"addressSpace": {"addressPrefixes": [prefix]}, "subnets": [subnet]}
    if peer is not None:
        peering = {
            "peeringState": "Connected", "allowVirtualNetworkAccess": True, "remoteVirtualNetwork": {"id": peer[0]},
            "remoteAddressSpace": {"addressPrefixes": [peer[1]]},
        }  # fmt: skip
        properties["virtualNetworkPeerings"] = [{"name": "p", "properties": peering}]
    return {"id": id_, "name": id_[-1], "type": "Microsoft.Network/virtualNetworks", "properties": properties}


@pytest.fixture
def report(tmp_path):
    """A web machine that takes 443 only, a database that takes 5432 from it alone, and one in a network of its own."""

    def guard(name: str, *rules: dict[str, Any]) -> dict[str, Any]:
        id_ = f"{GROUP}/Microsoft.Network/networkSecurityGroups/{name}"
        return {
            "id": id_,
            "name": name,
            "type": "Microsoft.Network/networkSecurityGroups",
            "properties": {"securityRules": list(rules)},
        }

    bodies = [
        network(NETWORK, "10.0.0.0/24"), network(OTHER, "10.1.0.0/24"),
        guard("web", rule(100, "443", "Allow"), rule(200, "0-65535", "Deny")),
        guard("db", rule(100, "5432", "Allow", "10.0.0.4"), rule(200, "*", "Deny")),
        *machine("web", "10.0.0.4", group="web"), *machine("db", "10.0.0.5", group="db"), *machine("far", "10.1.0.4", OTHER),
    ]  # fmt: skip
    path = tmp_path / "estate.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in bodies))
    estate = load([path])
    assert not estate.quarantine
    return SimpleNamespace(run=SimpleNamespace(estate=estate), now=NOW, all_rows=lambda: iter(()))


def test_who_reaches_whom(report) -> None:
    (document,) = allowed_connections.build_documents(report, {})
    rows = {one["id"].rpartition("/")[2]: one for one in document.body["properties"]["connectableResources"]}

    def tcp(one: dict[str, Any], side: str) -> dict[str, str]:
        return {
            other["connectedResourceId"].rpartition("/")[2]: other.get("tcpPorts", "") for other in one[side]
        }

    assert tcp(rows["web"], "inboundConnectedResources") == {"db": "[443]"}
    assert tcp(rows["db"], "inboundConnectedResources") == {"web": "[5432]"}
    assert tcp(rows["web"], "outboundConnectedResources") == {"db": "[5432]"}
    assert rows["far"]["inboundConnectedResources"] == rows["far"]["outboundConnectedResources"] == []


@pytest.mark.parametrize(
    ("prefix", "peered", "reached"),
    [("10.0.0.0/24", False, False), ("10.1.0.0/24", False, False), ("10.1.0.0/24", True, True)],
    ids=["same addresses", "other addresses", "peered"],
)
def test_a_network_of_its_own_is_reached_where_it_is_peered(tmp_path, prefix, peered, reached) -> None:
    """Private addresses are the same in many networks: they say nothing without a way between the two."""
    bodies = [
        network(NETWORK, "10.0.0.0/24", (OTHER, prefix) if peered else None),
        network(OTHER, prefix, (NETWORK, "10.0.0.0/24") if peered else None),
        *machine("here", "10.0.0.4"), *machine("there", prefix.replace("0/24", "5"), OTHER),
    ]  # fmt: skip
    path = tmp_path / "estate.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in bodies))
    report = SimpleNamespace(run=SimpleNamespace(estate=load([path])), now=NOW, all_rows=lambda: iter(()))
    (document,) = allowed_connections.build_documents(report, {})
    for one in document.body["properties"]["connectableResources"]:
        assert bool(one["inboundConnectedResources"]) == bool(one["outboundConnectedResources"]) == reached


def test_beyond_some_machines_pairs_are_not_looked_at(report, monkeypatch) -> None:
    monkeypatch.setattr(allowed_connections, "MOST", 2)
    assert list(allowed_connections.build_documents(report, {})) == []


def test_a_topology(report) -> None:
    (document,) = topologies.build_documents(report, {})
    rows = {
        one["resourceId"].rpartition("/providers/")[2]: one
        for one in document.body["properties"]["topologyResources"]
    }
    assert list(rows) == [
        "Microsoft.Network/virtualNetworks/v", "Microsoft.Network/virtualNetworks/v/subnets/s",
        "Microsoft.Compute/virtualMachines/web", "Microsoft.Compute/virtualMachines/db",
        "Microsoft.Network/virtualNetworks/w", "Microsoft.Network/virtualNetworks/w/subnets/s",
        "Microsoft.Compute/virtualMachines/far",
    ]  # fmt: skip
    machine_ = rows["Microsoft.Compute/virtualMachines/web"]
    assert (machine_["severity"], machine_["recommendationsExist"]) == ("Healthy", False)
    assert machine_["parents"] == [{"resourceId": f"{NETWORK}/subnets/s"}]
    assert [one["resourceId"] for one in rows["Microsoft.Network/virtualNetworks/v"]["children"]] == [
        f"{NETWORK}/subnets/s"
    ]
