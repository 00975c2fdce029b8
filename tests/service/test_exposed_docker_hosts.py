"""Machines whose Docker API the internet reaches: told once for each opening, and nodes of clusters never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.analyze.world import estate
from tests.service.inventory_house import House

from nephoscope.service.exposed_docker_hosts import TABLE, write_container_host_rows
from nephoscope.state import State
from nephoscope.state.ingestion.outbox import OutboxRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with State.open_folder(tmp_path / "data") as state:
        yield House(state, tmp_path / "data")


def world(*rules: str, **more: Any) -> Any:
    spec = {
        "vnets": {"main": {"space": ["10.0.0.0/16"], "subnets": {"app": {"prefix": "10.0.1.0/24", "nsg": "edge"}}}},
        "nsgs": {"edge": list(rules)}, "publics": {"pip": {"sku": "Standard"}},
        "vms": {"vm1": {"subnet": "main/app", "ip": "10.0.1.4", "public": "pip"}}, **more,
    }  # fmt: skip
    return estate(spec)


OPEN = "100 Allow In Tcp Internet * -> * {}"


@pytest.mark.parametrize(
    ("rules", "ports"),
    [
        ([OPEN.format(2375)], [2375]),
        ([OPEN.format("2370-2380")], [2375, 2376]),
        ([OPEN.format(22)], None),
        ([], None),
        (["90 Deny In * * * -> * 2375", OPEN.format(2375)], None),
        (["100 Allow In Tcp 10.0.0.0/8 * -> * 2375"], None),
    ],
)
def test_a_machine(house: House, rules: list[str], ports: list[int] | None) -> None:
    assert write_container_host_rows(house.context, world(*rules)) == (ports is not None)
    with house.state.reading() as session:
        rows = [one for one in session.query(OutboxRow) if one.table_name == TABLE]
        assert [(one.row["Computer"], one.row["Ports"]) for one in rows] == (
            [("vm1", ports)] if ports else []
        )


def test_an_opening_is_told_once_until_it_was_closed(house: House) -> None:
    opened = world(OPEN.format(2375))
    assert [write_container_host_rows(house.context, opened) for _ in range(2)] == [1, 0]
    # what cannot be read any more closes nothing
    groups = "microsoft.network/networksecuritygroups"
    unread = world(OPEN.format(2375), coverage={"without": [groups]}, drop=[groups])
    assert write_container_host_rows(house.context, unread) == 0
    assert write_container_host_rows(house.context, opened) == 0
    assert write_container_host_rows(house.context, world(OPEN.format("2375-2376"))) == 1
    assert write_container_host_rows(house.context, world()) == 0
    assert write_container_host_rows(house.context, opened) == 1


def test_a_node_of_a_cluster_is_managed(house: House) -> None:
    machine = world(OPEN.format(2375))
    (vm,) = machine.list_of_type("microsoft.compute/virtualmachines")
    vm.body["tags"] = {"aks-managed-poolName": "agents"}
    assert write_container_host_rows(house.context, machine) == 0
