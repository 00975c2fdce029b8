"""A collection from a loopback Azure that replays the sample estate, with and without the failures of the real one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from nephoscope.alerts.tuning.named_locations import list_locations
from nephoscope.collect import resources
from nephoscope.collect.azure.collection_scope import CollectionScope
from nephoscope.posture.scans.scan import EstateScan, ScanRequest


def readable(path: Any, needs: Any) -> set[str]:
    """The needed types that a snapshot holds in full, whatever they are under."""
    manifest = json.loads((path / "coverage.json").read_text())
    types = needs.types - set(manifest["notRead"])
    # Assessments come only by the names that content looks up, diagnostic settings only under the types that it asks for.
    types -= {"microsoft.security/assessments", "microsoft.insights/diagnosticsettings"}
    return {type_ for type_ in types if not type_.startswith("microsoft.graph/")}


def test_the_snapshot_equals_the_estate(collected: Any, replay: ModuleType, own_needs: Any) -> None:
    azure, found, out = collected
    assert azure.problems == []
    assert found.gaps == ()
    assert replay.differences(azure, out, readable(out, own_needs)) == []
    assert not (out / ".collect").exists()
    assert len(azure.answered) == found.requests.total()
    print(f"{found.requests.total()} requests for {found.resources} resources: {found.requests}")
    assert found.requests.total() < found.resources / 2


@pytest.mark.parametrize(
    "type_",
    [
        "microsoft.security/pricings", "microsoft.authorization/roleassignments", "microsoft.insights/activitylogalerts",
        "microsoft.keyvault/vaults", "microsoft.sql/servers/auditingsettings", "microsoft.network/virtualnetworks/subnets",
        "microsoft.insights/diagnosticsettings",
    ],
)  # fmt: skip
def test_one_type_is_read_alone(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any, type_: str
) -> None:
    found = replay.collect(azure, own_needs.select_types([type_]), tmp_path / "out")
    assert azure.problems == []
    assert found.gaps == ()
    claims = json.loads((tmp_path / "out" / "coverage.json").read_text())["tenants"]
    scopes = [set(types) for tenant in claims.values() for scope, types in tenant["scopes"].items() if scope]
    assert scopes
    assert all(any(entry.endswith(type_) for entry in types) for types in scopes)
    read = {type_} if type_ != "microsoft.insights/diagnosticsettings" else set()
    assert replay.differences(azure, tmp_path / "out", read) == []


def test_one_type_is_read_alone_in_a_resource_group(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    vault = next(
        key for key in azure.world.bodies if key.rpartition("/")[0].endswith("/microsoft.keyvault/vaults")
    )
    group = vault.partition("/providers/")[0]
    needs = own_needs.select_types(["Microsoft.KeyVault/vaults"])
    replay.collect(azure, needs, tmp_path / "out", scope=CollectionScope.of(resource_groups=(group,)))
    estate = resources.load([tmp_path / "out"])
    assert vault in estate.resources
    assert estate.coverage.covers("microsoft.keyvault/vaults", group)
    assert not estate.coverage.covers("microsoft.keyvault/vaults", group.partition("/resourcegroups/")[0])


def test_named_locations_are_read_for_detections_whatever_the_content_needs(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any, monkeypatch: Any
) -> None:
    ranges = [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": "203.0.113.0/28"}]
    offices = {"@odata.type": "#microsoft.graph.ipNamedLocation", "id": "1a", "displayName": "Offices",
               "isTrusted": True, "ipRanges": ranges}  # fmt: skip
    monkeypatch.setitem(azure.world.graph, "microsoft.graph/namedlocations", [offices])
    scope = CollectionScope.of(subscriptions=(replay.busiest(azure),))
    replay.collect(azure, own_needs, tmp_path / "out", scope=scope)
    estate = resources.load([tmp_path / "out"])
    assert list_locations(estate) == [
        {"Address": "203.0.113.0/28", "Name": "Offices", "Country": "", "Trusted": "true", "Tags": "Entra"}
    ]


def test_graph_objects_come_as_pseudo_resources(collected: Any) -> None:
    azure, _, out = collected
    estate = resources.load([out])
    for kind, objects in azure.world.graph.items():
        found = {
            resource.body["properties"]["id"]: resource.body["properties"]
            for resource in estate.list_of_type(kind)
        }
        assert found.keys() == {one["id"] for one in objects}
        assert estate.coverage.covers(kind, "")
    assigned = {
        body["properties"]["principalId"]
        for key, body in azure.world.bodies.items()
        if "/roleassignments/" in key and body["properties"].get("principalType") == "Group"
    }
    assert assigned
    for group in azure.world.graph["microsoft.graph/groups"]:
        body = estate.resources[f"/providers/microsoft.graph/groups/{group['id']}"].body
        if group["id"] in assigned:
            assert body["properties"]["members"] == group["members"]


def test_a_scan_judges_the_snapshot_as_it_judges_the_estate(collected: Any, tmp_path: Any) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)

    def verdicts(target: str) -> dict[tuple[str, str], str]:
        scan = EstateScan(ScanRequest((target,)), tmp_path / "data", now)
        run = scan.run(scan.estate())
        return {(one.resource.lower(), one.key): str(one.state) for one in run.assessments}

    def divided(target: str) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
        found = verdicts(target)
        inside = {place: state for place, state in found.items() if "/devops/default/" in place[0]}
        return inside, {place: state for place, state in found.items() if place not in inside}

    # Azure tells which repositories there are; how they are set up is collected from GitHub itself
    (named, judged), (told, wanted) = divided(str(collected[2])), divided("sample:")
    assert judged == wanted
    assert named.keys() == told.keys()
    assert set(named.values()) == {"Unknown"}


@pytest.mark.parametrize(
    "fault", ["429 retry-after", "429 quota", "429 milliseconds", "503", "truncated", "reset", "revoke"]
)
def test_passing_failures_change_nothing(
    fault: str, azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    azure.faults = {2: fault, 9: fault, 40: fault}
    found = replay.collect(
        azure, own_needs, tmp_path / "out", scope=CollectionScope.of(subscriptions=(replay.busiest(azure),))
    )
    assert azure.problems == []
    assert found.gaps == ()
    assert azure.faults == {}
    assert (azure.tokens > 2) == (fault == "revoke")
    assert (found.retried.total() == 3) == (fault != "revoke")


def test_the_quota_of_resource_graph_is_never_passed(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    azure.quota, azure.page = (4, 1.0), 400
    scope = CollectionScope.of(subscriptions=(replay.busiest(azure),))
    found = replay.collect(azure, own_needs, tmp_path / "out", scope=scope, graph=False)
    assert azure.over_quota == 0
    assert found.retried.total() == 0
    assert sum(count for what, count in found.requests.items() if what.startswith("Resource Graph")) > 8


def test_a_refused_subscription_is_a_gap_and_the_rest_goes_on(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    denied = replay.busiest(azure)
    azure.denied = {denied}
    others = sorted({key.split("/")[2] for key in azure.world.bodies if key.startswith("/subscriptions/")})
    several = (denied, *(one for one in others if one != denied))[:4]
    found = replay.collect(
        azure, own_needs, tmp_path / "out", scope=CollectionScope.of(subscriptions=several)
    )
    assert azure.problems == []
    assert [(gap.scope, gap.permission) for gap in found.gaps] == [
        (f"/subscriptions/{denied}", "Microsoft.Resources/subscriptions/read")
    ]
    estate = resources.load([tmp_path / "out"])
    assert not any(resource.id.subscription == denied for resource in estate.resources.values())
    assert len(estate.subscriptions) == len(several) - 1
    assert not estate.coverage.covers("microsoft.storage/storageaccounts", f"/subscriptions/{denied}")
    assert denied in estate.coverage.gaps["microsoft.resources/subscriptions"]


@pytest.mark.parametrize(
    ("type_", "permission"),
    [
        (
            "microsoft.storage/storageaccounts/blobservices",
            "microsoft.storage/storageaccounts/blobservices/read",
        ),
        ("microsoft.security/pricings", "Microsoft.Security/pricings/read"),
        ("microsoft.graph/users", "User.Read.All"),
    ],
)
def test_a_refused_type_is_a_gap_that_names_the_permission(
    type_: str, permission: str, azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    azure.refused_types = {type_}
    found = replay.collect(
        azure, own_needs, tmp_path / "out", scope=CollectionScope.of(subscriptions=(replay.busiest(azure),))
    )
    assert (type_, permission) in {(gap.type, gap.permission) for gap in found.gaps}
    estate = resources.load([tmp_path / "out"])
    scope = f"/subscriptions/{replay.busiest(azure)}"
    assert not estate.coverage.covers(type_, scope)
    assert estate.coverage.covers("microsoft.storage/storageaccounts", scope)
    assert permission.lower() in estate.coverage.gaps[type_].lower()


def test_what_the_sign_in_may_not_read_is_a_gap_though_resource_graph_is_silent(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    azure.actions = ["Microsoft.Compute/*/read", "Microsoft.Resources/*", "Microsoft.Authorization/*/read"]
    scope = CollectionScope.of(subscriptions=(replay.busiest(azure),))
    found = replay.collect(azure, own_needs, tmp_path / "out", scope=scope)
    missing = {gap.type: gap.permission for gap in found.gaps}
    assert missing["microsoft.keyvault/vaults/keys"] == "Microsoft.KeyVault/vaults/keys/read"
    assert "microsoft.compute/virtualmachines" not in missing
    estate = resources.load([tmp_path / "out"])
    where = f"/subscriptions/{replay.busiest(azure)}"
    assert not estate.coverage.covers("microsoft.network/networksecuritygroups", where)
    assert not estate.coverage.covers("microsoft.network/networksecuritygroups/securityrules", where)
    assert estate.coverage.covers("microsoft.compute/virtualmachines", where)
    assert not any("keyvault" in line.lower() for line in azure.log if line.startswith("GET"))


def test_a_subscription_is_read_alone(azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any) -> None:
    wanted = replay.busiest(azure)
    replay.collect(azure, own_needs, tmp_path / "out", scope=CollectionScope.of(subscriptions=(wanted,)))
    estate = resources.load([tmp_path / "out"])
    assert {resource.id.subscription for resource in estate.resources.values()} == {wanted, ""}
    outside = [line for line in azure.log if line.startswith("GET /subscriptions/") and wanted not in line]
    assert outside == []
    assert all(f'"subscriptions":["{wanted}"]' in line for line in azure.log if line.startswith("POST"))


def test_a_resource_group_is_read_alone(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    vault = next(
        key
        for key in sorted(azure.world.bodies)
        if "/microsoft.keyvault/vaults/" in key and key.count("/") == 8
    )
    group = "/".join(vault.split("/")[:5])
    found = replay.collect(
        azure, own_needs, tmp_path / "out", scope=CollectionScope.of(resource_groups=(group,))
    )
    assert azure.problems == []
    assert found.gaps == ()
    estate = resources.load([tmp_path / "out"])
    read = [resource for resource in estate.resources.values() if not resource.derived]
    assert {resource.id.resource_group_id for resource in read} == {group}
    assert all(line.split()[1].lower().startswith(group) for line in azure.log if line.startswith("GET"))
    subscription = "/".join(group.split("/")[:3])
    assert estate.coverage.covers("microsoft.keyvault/vaults", group)
    assert not estate.coverage.covers("microsoft.keyvault/vaults", subscription)
    assert not any(
        "microsoft.security/securitycontacts" in types for types in estate.coverage.scopes.values()
    )


def test_resource_groups_by_name_in_every_subscription(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    name = "networkwatcherrg"
    replay.collect(azure, own_needs, tmp_path / "out", scope=CollectionScope.of(resource_groups=(name,)))
    assert azure.problems == []
    read = [one for one in resources.load([tmp_path / "out"]).resources.values() if not one.derived]
    assert {one.id.resource_group for one in read} == {name}
    served = {key.split("/")[2] for key in azure.world.bodies if f"/resourcegroups/{name}" in key}
    assert {one.id.subscription for one in read} == served
    assert len(served) > 1


def test_a_management_group_is_read_alone(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    replay.collect(
        azure, own_needs, tmp_path / "out", scope=CollectionScope.of(management_groups=("mg-platform",))
    )
    assert azure.problems == []
    below = {
        key.rsplit("/", 1)[-1]
        for key, body in azure.world.bodies.items()
        if key.count("/") == 2
        and "mg-platform"
        in {one["name"] for one in body["properties"].get("managementGroupAncestorsChain", [])}
    }
    estate = resources.load([tmp_path / "out"])
    assert {resource.id.subscription for resource in estate.resources.values()} - {""} == below
    assert 1 < len(below) < 10
    assert not estate.coverage.covers("microsoft.management/managementgroups", "")


def test_without_graph_accounts_are_not_read(
    azure: Any, replay: ModuleType, own_needs: Any, tmp_path: Any
) -> None:
    scope = CollectionScope.of(subscriptions=(replay.busiest(azure),))
    found = replay.collect(azure, own_needs, tmp_path / "out", scope=scope, graph=False)
    assert not any("/v1.0/" in line for line in azure.log)
    assert "--no-graph" in found.unread["microsoft.graph/users"]
    assert not resources.load([tmp_path / "out"]).coverage.covers("microsoft.graph/users", "")
