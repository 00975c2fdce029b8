"""Pages and files of two tenants: what has the same id in both is listed, shown and chosen by tenant."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nephoscope.access.authenticator import Guard
from nephoscope.access.tokens import AccessTokenIssuer
from nephoscope.automation.published_changes import read_bodies, read_states
from nephoscope.instance import Instance, build_hierarchy
from nephoscope.posture.published.publishing import publish_tenants
from nephoscope.posture.published.snapshot_cache import PublishedSnapshotCache
from nephoscope.posture.recommendations.finding_text import describe_failure
from nephoscope.posture.reports.report import Report
from nephoscope.posture.scans.scan import EstateScan, ScanRequest
from nephoscope.resource_graph import open_lake_with_estate
from nephoscope.serve.web_application import build_application
from nephoscope.state import State
from nephoscope.state.access.principals import PrincipalKind
from nephoscope.web.site import COOKIE

A, B = TENANTS = tuple(f"{letter * 8}-1111-4000-8000-000000000000" for letter in "ab")
GROUP = "/providers/Microsoft.Management/managementGroups/platform"
ROLE = "/providers/Microsoft.Authorization/roleDefinitions/same"
TITLE = "Custom roles should not have the permissions of an owner"
Client = Callable[[str], TestClient]


def bodies_of(tenant: str) -> list[dict[str, object]]:
    """A tenant with a management group, a subscription and a role named as in the other, and a role that is too mighty."""
    subscription = f"/subscriptions/{tenant}"
    chain = [{"name": "platform"}]
    rights = {"assignableScopes": [subscription], "permissions": [{"actions": ["*"]}]}
    return [
        {"id": subscription, "properties": {"displayName": "Prod", "tenantId": tenant, "managementGroupAncestorsChain": chain}},
        {"id": GROUP, "name": "platform", "tenantId": tenant, "properties": {"tenantId": tenant, "displayName": "Platform"}},
        {"id": ROLE, "name": "same", "properties": {"roleName": f"of {tenant[0]}", "type": "CustomRole", **rights}},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder in which both tenants were assessed."""
    data = tmp_path_factory.mktemp("tenants")
    folders: list[Path] = [tmp_path_factory.mktemp(one[0]) for one in TENANTS]
    for tenant, folder in zip(TENANTS, folders, strict=True):
        (folder / "all.json").write_text(json.dumps(bodies_of(tenant)))
    scan = EstateScan(ScanRequest(tuple(map(str, folders))), data)
    publish_tenants(data, [(Report(scan.run(estate), "both"), {}) for estate in scan.load_estates()])
    return data


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[Client]:
    """Makes a client of somebody who reads at a scope."""
    snapshots = PublishedSnapshotCache(data)
    with State.open_folder(data) as state, open_lake_with_estate(data, state) as lake:
        guard = Guard(state, lambda: build_hierarchy(snapshots))
        instance = Instance(data, state, lake, snapshots, guard, AccessTokenIssuer(state, data / "keys", A))
        with TestClient(build_application(instance), base_url="https://127.0.0.1") as made:

            def reader(scope: str) -> TestClient:
                with state.transaction() as session:
                    person = state.principals.add(session, PrincipalKind.PERSON, f"reads {scope}")
                    state.principals.grant(session, person.id, "Reader", scope, "test")
                cookie = f"{COOKIE}={guard.open_session(person)}"
                return TestClient(made.app, base_url="https://127.0.0.1", headers={"Cookie": cookie})

            yield reader


@pytest.fixture(scope="module")
def everybody(client: Client) -> TestClient:
    return client("/")


def rows(client: TestClient, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).text)))


def text_of(client: TestClient, address: str) -> str:
    page = client.get(address)
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", page.text.partition("<main")[2]).split())


def key_of(client: TestClient) -> str:
    return next(
        row["Id"] for row in rows(client, "/recommendations?format=csv") if row["Recommendation"] == TITLE
    )


@pytest.mark.parametrize("address", ["/", "/inventory", "/search?q=platform"])
def test_lists_name_the_tenant(everybody: TestClient, address: str) -> None:
    text = text_of(everybody, address)
    assert all(f"tenant {tenant}" in text for tenant in TENANTS)


def test_findings_name_the_tenant(everybody: TestClient) -> None:
    address = f"/recommendations/{key_of(everybody)}"
    assert [f"same Role definition tenant {one}" in text_of(everybody, address) for one in TENANTS] == [
        True,
        True,
    ]
    assert [row["Tenant"] for row in rows(everybody, f"{address}?format=csv&table=resources")] == list(
        TENANTS
    )


def test_findings_of_two_are_not_added_up(everybody: TestClient) -> None:
    found = [
        row for row in rows(everybody, "/?format=csv&table=resources") if row["Resource"] == ROLE.lower()
    ]
    assert [(row["Tenant"], row["All"]) for row in found] == [(A, "2"), (B, "2")]


def test_a_page_is_of_one_tenant(everybody: TestClient) -> None:
    address = f"/resource{ROLE.lower()}"
    for tenant, other in ((A, B), (B, A)):
        text = text_of(everybody, f"{address}?tenant={tenant}")
        assert f"Of the tenant {tenant}. 1 other tenant has the same id: {other} ." in text
        assert text.count(describe_failure(TITLE)) == 1
        assert f"&#34;of {tenant[0]}&#34;" in text
        assert f"/subscriptions/{other}" not in text
        assert len(rows(everybody, f"{address}?tenant={tenant}&format=csv&table=assessments")) == 3
    assert f"Of the tenant {A}." in text_of(everybody, address)


def test_a_list_leads_to_the_page_of_the_tenant(everybody: TestClient) -> None:
    found = re.findall(rf'href="(/resource{ROLE.lower()}[^"]*)"', everybody.get("/").text)
    assert found == [f"/resource{ROLE.lower()}?tenant={one}" for one in TENANTS]


def test_a_group_and_a_subscription_are_chosen_by_tenant(everybody: TestClient) -> None:
    page = everybody.get("/").text
    for tenant in TENANTS:
        assert f'<option value="mg:platform@{tenant}">Platform (tenant {tenant})</option>' in page
        assert f'<option value="{tenant}">Prod ({tenant})</option>' in page
        within = rows(everybody, f"/inventory?format=csv&scope=mg:platform@{tenant}")
        assert {row["Id"] for row in within if row["Id"].startswith("/subscriptions/")} == {
            f"/subscriptions/{tenant}"
        }


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_reader_of_one_tenant_is_told_of_no_other(client: Client, tenant: str) -> None:
    reader = client(f"/tenants/{tenant}")
    other = next(one for one in TENANTS if one != tenant)
    own = f"/resource{ROLE.lower()}"
    for address in ("/", "/inventory", own):
        page = reader.get(address)
        assert page.status_code == 200
        assert other not in page.text
        assert "Of the tenant" not in page.text
    assert text_of(reader, f"{own}?tenant={other}") == text_of(reader, own)


def test_documents_for_automations_name_the_tenant(data: Path) -> None:
    snapshot = PublishedSnapshotCache(data).load_newest()
    assert snapshot is not None
    type_ = "microsoft.security/assessments"
    keys = [
        one
        for one in read_states(snapshot).column("key").to_pylist()
        if ROLE.lower() in one and one.count("/assessments/") == 1
    ]
    found = list(read_bodies(snapshot, type_, keys))
    assert [str(one["tenantId"]) for one in found].count(A) == len(found) / 2
    assert {str(one["tenantId"]) for one in found} == set(TENANTS)
    assert [one["tenantId"] for one in read_bodies(snapshot, type_, keys[:1])] == [A]
    assert not any(
        "tenantId" in one
        for one in read_bodies(snapshot, type_, None)
        if "/subscriptions/" in str(one["id"])[:15]
    )
