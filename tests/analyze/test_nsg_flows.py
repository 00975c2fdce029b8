"""IP flow verify over tables of security groups: tests/cases/analyze/nsg_flows.json.

A flow is [direction, protocol, remote address, destination port, want, deciding rule, source port?]; the machine has 10.0.1.4 in a
network of 10.0.0.0/16 that is peered with 10.9.0.0/16; 10.0.1.77 is in the application security group `front`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.network import Network

TABLE = json.loads((Path(__file__).parent.parent / "cases" / "analyze" / "nsg_flows.json").read_text())
WORDS = {True: "allow", False: "deny", None: "unknown"}


def network(world: Any, group: dict[str, Any]) -> tuple[Network, Any]:
    peer = {"space": ["10.9.0.0/16"], **group.get("peer", {})}
    described = {
        "nsgs": {"g": group["rules"]},
        "routes": {"rt": group.get("routes", {})},
        "vnets": {
            "main": {
                "space": ["10.0.0.0/16"],
                "subnets": {"app": {"prefix": "10.0.1.0/24", "nsg": "g", "routes": "rt"}},
                "peers": {"far": peer},
            }
        },
        "vms": {
            "vm": {"subnet": "main/app", "ip": "10.0.1.4", "asg": group.get("asg", [])},
            "front": {"subnet": "main/app", "ip": "10.0.1.77", "asg": ["front"]},
        },
    }
    estate = world.estate(described)
    table = {tag: AddressSet.of(prefixes) for tag, prefixes in group.get("table", {}).items()}
    machine = next(
        vm for vm in estate.list_of_type("microsoft.compute/virtualmachines") if vm.id.name == "vm"
    )
    return Network(estate, table), machine


@pytest.mark.parametrize("group", TABLE["groups"], ids=lambda group: group["note"])
def test_flows(world: Any, group: dict[str, Any]) -> None:
    found, machine = network(world, group)
    (interface,) = found.list_interfaces(machine)
    (configuration,) = interface.configurations
    for direction, protocol, address, port, want, rule, *source in group["flows"]:
        ((_, decision),) = found.decide(
            interface,
            configuration,
            protocol,
            address,
            port,
            source_port=source[0] if source else 50000,
            inbound=direction == "in",
        )
        got = (WORDS[decision.allow], decision.rule.name if decision.rule else "")
        assert got == (want, rule), (group["note"], direction, protocol, address, port)


def test_table_is_long() -> None:
    assert sum(len(group["flows"]) for group in TABLE["groups"]) >= 180
