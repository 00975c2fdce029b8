"""Alerts that Azure raised and that were collected, in Resource Graph: each once, with what was decided here, to the own reach."""

from __future__ import annotations

import json

import pytest
from tests.api.conftest import NOW

from nephoscope.posture.published.publishing import publish_report
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest

ONE, OTHER = "11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"
QUERY = """securityresources | where type == 'microsoft.security/locations/alerts'
| project id, location, resourceGroup, Status = tostring(properties.Status), status = tostring(properties.status)"""
V = "api-version=2022-01-01"


def alert(subscription: str, group: str) -> dict:
    id_ = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Security/locations/westeurope/alerts/a-{group}"
    about = [
        {"type": "AzureResource", "azureResourceId": f"/subscriptions/{subscription}/resourceGroups/{group}"}
    ]
    properties = {"status": "Active", "severity": "High", "resourceIdentifiers": about}
    return {
        "id": id_,
        "name": id_.rsplit("/", 1)[-1],
        "type": "Microsoft.Security/locations/alerts",
        "properties": properties,
    }


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("estate")
    bodies = [
        *({"id": f"/subscriptions/{one}", "type": "microsoft.resources/subscriptions", "name": one, "subscriptionId": one}
          for one in (ONE, OTHER)),
        alert(ONE, "rg-a"), alert(ONE, "rg-b"), alert(OTHER, "rg-c"),
    ]  # fmt: skip
    (folder / "resources.json").write_text(json.dumps({"data": bodies}))
    scan = EstateScan(ScanRequest((str(folder),)), tmp_path_factory.mktemp("scan"), NOW)
    return Report(scan.run(scan.estate()), str(folder))


@pytest.fixture(scope="module")
def publish_estate(report):
    return lambda data: publish_report(data, report, {})


@pytest.fixture
def ask(server, token):
    def asked(*roles):
        shown = {"Authorization": f"Bearer {token(*roles)}"}
        path = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
        got = server.post(path, headers=shown, json={"query": QUERY})
        assert got.status_code == 200, got.text
        return got.json()["data"]

    return asked


@pytest.mark.parametrize(
    ("role", "scope", "groups"),
    [
        ("Reader", "/", "abc"),
        ("Security Reader", f"/subscriptions/{ONE}", "ab"),
        ("Reader", f"/subscriptions/{ONE}/resourcegroups/rg-b", "b"),
        ("Reader", f"/subscriptions/{OTHER}", "c"),
    ],
)
def test_each_sees_those_of_the_own_reach(ask, role, scope, groups):
    rows = ask((role, scope))
    assert [row["resourceGroup"] for row in rows] == [f"rg-{one}" for one in groups]
    assert {(row["location"], row["Status"], row["status"]) for row in rows} == {
        ("westeurope", "Active", "Active")
    }


def test_what_was_decided_stands_in_its_place(ask, server, owner, instance, report):
    path = alert(ONE, "rg-a")["id"]
    assert server.post(f"{path}/dismiss?{V}", headers=owner).status_code == 204
    told = {row["resourceGroup"]: row["Status"] for row in ask(("Reader", "/"))}
    assert told == {"rg-a": "Dismissed", "rg-b": "Active", "rg-c": "Active"}
    publish_report(instance.data, report, {})
    assert {row["resourceGroup"]: row["Status"] for row in ask(("Reader", "/"))} == told
