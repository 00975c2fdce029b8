"""Exposure changes: openings before and after, exact, in words, with the changes behind them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nephoscope.estate.addresses import AddressSet
from nephoscope.estate.estate import Estate
from nephoscope.estate.estate_store import EstateStore
from nephoscope.estate.estate_view import EstateView
from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.changes.change_attribution import AttributedChange
from nephoscope.posture.changes.exposure_changes import ExposureChange
from nephoscope.posture.exposure.opening_changes import compare_openings
from nephoscope.posture.exposure.reachable_traffic import ReachableRegion
from nephoscope.posture.published import exposure_changes as published_changes
from nephoscope.posture.published.exposure_changes import (
    TYPE,
    describe_openings_by_change,
    load_exposure_changes,
)
from nephoscope.posture.published.resource_changes import list_attributed_changes
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans import run_recording
from nephoscope.posture.scans.run_recording import Recorder
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GROUP = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers"
NET = f"{GROUP}/Microsoft.Network"
VNET, NSG, NIC = (
    f"{NET}/virtualNetworks/v",
    f"{NET}/networkSecurityGroups/nsg",
    f"{NET}/networkInterfaces/nic",
)
ADDRESS, MACHINE = f"{NET}/publicIPAddresses/ip", f"{GROUP}/Microsoft.Compute/virtualMachines/vm-web"
ACCOUNT = f"{GROUP}/Microsoft.Storage/storageAccounts/logs"


def body(id_: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    parts = id_.split("/providers/")[1].split("/")
    return {"id": id_, "name": parts[2], "type": "/".join(parts[:2]), "properties": properties, **more}


def rule(name: str, source: str, port: str, priority: int = 100, access: str = "Allow") -> dict[str, Any]:
    found = {
        "priority": priority,
        "direction": "Inbound",
        "access": access,
        "protocol": "Tcp",
        "sourceAddressPrefix": source,
        "sourcePortRange": "*",
        "destinationAddressPrefix": "*",
        "destinationPortRange": port,
    }
    return {"id": f"{NSG}/securityRules/{name}", "name": name, "properties": found}


def estate(
    *rules: dict[str, Any],
    public: bool = True,
    machine: bool = True,
    account: str = "Deny",
    listed_ip: str = "",
) -> Estate:
    subnet = {"id": f"{VNET}/subnets/s"}
    configuration: dict[str, Any] = {"privateIPAddress": "10.0.0.4", "subnet": subnet}
    if public:
        configuration["publicIPAddress"] = {"id": ADDRESS}
    ip = {"id": f"{NIC}/ipConfigurations/c", "name": "c", "properties": configuration}
    listed = [
        body(VNET, {"subnets": [{**subnet, "name": "s", "properties": {"addressPrefix": "10.0.0.0/24"}}]}),
        body(NSG, {"securityRules": list(rules)}),
        body(ADDRESS, {"ipAddress": "20.0.0.1"}, sku={"name": "Standard"}),
        body(NIC, {"networkSecurityGroup": {"id": NSG}, "ipConfigurations": [ip]}),
        body(
            ACCOUNT,
            {
                "networkAcls": {
                    "defaultAction": account,
                    "ipRules": [{"value": listed_ip}] if listed_ip else [],
                }
            },
        ),
    ]
    if machine:
        listed.append(body(MACHINE, {"networkProfile": {"networkInterfaces": [{"id": NIC}]}}))
    return Estate.of([Resource.of(one) for one in listed], Coverage.cover_everything())


OFFICE, WEB = rule("ssh", "91.10.0.0/24", "22"), rule("web", "*", "443", 200)
CASES: list[tuple[str, Estate, Estate, list[str], bool]] = [
    (
        "a source becomes everybody",
        estate(OFFICE, WEB),
        estate(rule("ssh", "*", "22"), WEB),
        ["TCP 22 of vm-web: from 91.10.0.0/24 to everybody"],
        True,
    ),
    (
        "a source is narrowed",
        estate(rule("ssh", "*", "22")),
        estate(OFFICE),
        ["TCP 22 of vm-web: from everybody to 91.10.0.0/24"],
        False,
    ),
    (
        "a rule that opens nothing more",
        estate(rule("ssh", "*", "22")),
        estate(rule("ssh", "*", "22"), OFFICE),
        [],
        False,
    ),
    (
        "a new port",
        estate(WEB),
        estate(WEB, rule("rdp", "*", "3389")),
        ["TCP 3389 of vm-web: from no one to everybody"],
        True,
    ),
    (
        "a deny that goes",
        estate(rule("no", "*", "22", 90, "Deny"), rule("ssh", "*", "20-25")),
        estate(rule("ssh", "*", "20-25")),
        ["TCP 22 of vm-web: from no one to everybody"],
        True,
    ),
    (
        "an endpoint of a service that answers nobody",
        estate(),
        estate(account="Allow"),
        ["TCP service endpoint of logs: from no one to everybody"],
        True,
    ),
    (
        "an endpoint of a service for listed networks",
        estate(account="Allow"),
        estate(listed_ip="91.10.0.0/24"),
        ["TCP service endpoint of logs: from everybody to listed networks"],
        False,
    ),
    (
        "a public address",
        estate(WEB, public=False),
        estate(WEB),
        ["TCP 443 of vm-web: from no one to everybody"],
        True,
    ),
    (
        "a new machine",
        estate(WEB, machine=False),
        estate(WEB),
        ["TCP 443 of vm-web: from no one to everybody"],
        True,
    ),
]


@pytest.mark.parametrize(("note", "old", "new", "texts", "widened"), CASES, ids=[case[0] for case in CASES])
def test_openings_before_and_after(
    note: str, old: Estate, new: Estate, texts: list[str], widened: bool, tmp_path: Any
) -> None:
    assert note
    store = EstateStore(tmp_path)
    store.append(old, NOW - timedelta(hours=4))
    store.append(new, NOW)
    several = list_attributed_changes(tmp_path, NOW, [new])
    found = load_exposure_changes(tmp_path, NOW, [new], several, {})
    assert [text for one in found for text in one.change.descriptions] == texts
    assert [one.change.widened for one in found] == ([widened] if texts else [])
    for one in found:
        causes = {cause.change_id for cause in one.change.causes}
        assert causes == set(describe_openings_by_change(found))
        assert causes <= {each.change.id for each in several}
        assert one.change.causes


SETS = st.lists(
    st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 7), st.integers(0, 7)), max_size=4
).map(
    lambda found: [
        ReachableRegion(
            "tcp",
            ((min(low, high), max(low, high)),),
            AddressSet(((min(first, last), max(first, last)),)),
        )
        for low, high, first, last in found
    ]
)


def points(regions: list[ReachableRegion]) -> set[tuple[int, int]]:
    return {
        (port, address)
        for one in regions
        for low, high in one.ports
        for port in range(low, high + 1)
        for first, last in one.sources.v4
        for address in range(first, last + 1)
    }


@given(SETS, SETS)
def test_changes_are_those_of_single_flows(old: list[ReachableRegion], new: list[ReachableRegion]) -> None:
    before, after = points(old), points(new)
    found = compare_openings(old, new)
    told = {
        port
        for one in found
        for part in one.ports.split(", ")
        for port in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
    }
    assert told == {port for port, _ in before ^ after}
    assert any(one.widened for one in found) == bool(after - before)


def evaluate(data: Path, one: Estate, hours: int) -> None:
    """Store a snapshot and publish its evaluation."""
    source = data.with_name("estate.jsonl")
    lines = [
        msgspec.json.encode(resource.body) for resource in one.resources.values() if not resource.derived
    ]
    source.write_bytes(b"\n".join(lines))
    scan = EstateScan(ScanRequest((str(source),)), data, NOW + timedelta(hours=hours))
    Recorder(data, "default").record(Report(scan.run(scan.estate()), "x"))


class ProcessEndedError(Exception):
    """Stands for the end of a process."""


def end(*_: object) -> None:
    raise ProcessEndedError


def test_a_snapshot_that_was_stored_and_not_published_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three evaluations the second widens and ends before it is published; the third changes something else."""
    data = tmp_path / "data"
    wide = rule("ssh", "*", "22")
    evaluate(data, estate(OFFICE), 0)
    with monkeypatch.context() as ended:
        ended.setattr(run_recording, "publish_tenants", end)
        with pytest.raises(ProcessEndedError):
            evaluate(data, estate(wide), 4)
    for hours in (8, 12):
        evaluate(data, estate(wide, WEB), hours)
        published = PublishedSnapshotCache(data).load_newest()
        assert published is not None
        bodies = published.listing.page((TYPE.lower(),), EVERYTHING).bodies
        told = {body["properties"]["timestamp"]: body["properties"]["descriptions"] for body in bodies}
        assert [told[at] for at in sorted(told)] == [
            ["TCP 22 of vm-web: from 91.10.0.0/24 to everybody"],
            ["TCP 443 of vm-web: from no one to everybody"],
        ]


@pytest.mark.full
def test_of_published_snapshots_the_newest_alone_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    several = [estate(OFFICE), estate(WEB), estate(OFFICE, WEB)]
    for number, one in enumerate(several):
        evaluate(data, one, 4 * number)
    compared: list[set[datetime]] = []

    def note(_: EstateView, __: EstateView, moved: list[AttributedChange]) -> list[ExposureChange]:
        compared.append({one.change.after for one in moved})
        return []

    monkeypatch.setattr(published_changes, "find_exposure_changes", note)
    evaluate(data, several[-1], 12)
    assert compared == [{NOW + timedelta(hours=8)}]


def test_a_change_stays_published_and_ends_after_its_days(tmp_path: Path) -> None:
    """Three evaluations: the second widens, the third changes nothing, the last is too late to keep it."""
    data = tmp_path / "data"
    several = [estate(OFFICE), estate(rule("ssh", "*", "22")), estate(rule("ssh", "*", "22"))]
    seen = []
    for hours, one in zip((0, 4, 8, 24 * 20), [*several, several[-1]], strict=True):
        evaluate(data, one, hours)
        published = PublishedSnapshotCache(data).load_newest()
        assert published is not None
        bodies = published.listing.page((TYPE.lower(),), EVERYTHING).bodies
        changes = published.listing.page(("microsoft.resources/changes",), EVERYTHING).bodies
        told = {one for body in changes for one in body["properties"]["changeAttributes"]["openings"]}
        seen.append(([one for body in bodies for one in body["properties"]["descriptions"]], [*told]))
    text = ["TCP 22 of vm-web: from 91.10.0.0/24 to everybody"]
    assert seen == [([], []), (text, text), (text, text), ([], [])]
