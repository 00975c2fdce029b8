"""The graph and its paths: gaps for what was not read, where a path stands, what rights roles give, choke points, bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.analyze import world
from tests.posture.attack_paths.test_types import CASES, found_in, of_type

from nephoscope.posture.attack_paths import analysis
from nephoscope.posture.attack_paths.analysis import analyze
from nephoscope.posture.attack_paths.arm_document import build_arm_id, build_properties
from nephoscope.posture.attack_paths.choke_points import find_choke_points
from nephoscope.posture.attack_paths.path_type import read_types
from nephoscope.posture.attack_paths.role_rights import RoleRight, find_role_rights
from nephoscope_policy.documents import ContentError

SUB = world.SUB.rsplit("/", 1)[1]
OTHER = "/subscriptions/22222222-2222-2222-2222-222222222222"
VAULT_CASE = CASES["exposed-machine-key-vault"]["positive"]


def described(case: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"world": {**case["world"], **changes}, "failing": case["failing"]}


@pytest.mark.parametrize(
    ("type_", "missing", "told"),
    [
        ("exposed-machine-key-vault", "microsoft.authorization/roleassignments", "who can do what"),
        ("exposed-machine-key-vault", "microsoft.network/loadbalancers", ""),
        ("exposed-database-weakness", "microsoft.sql/servers/firewallrules", "which databases the Internet reaches"),
        ("public-storage-sensitive-data", "microsoft.storage/storageaccounts/blobservices/containers", "which containers"),
        ("guest-key-vault", "microsoft.graph/users", "the accounts of the tenant"),
    ],
    ids=["roles", "not needed", "firewall rules", "containers", "users"],
)  # fmt: skip
def test_what_was_not_read_is_a_gap(type_: str, missing: str, told: str) -> None:
    case = CASES[type_]["positive"]
    resources = {
        name: body
        for name, body in case["world"].get("resources", {}).items()
        if body.get("type", "").lower() != missing
    }
    found = found_in(described(case, resources=resources, coverage={"without": [missing]}))
    assert any(told and told in reason for _, reason in found.gaps) is bool(told)


def test_a_vault_elsewhere_makes_a_path_of_the_tenant() -> None:
    """Whoever may read one subscription alone must not learn of the other."""
    vault = f"{OTHER}/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
    body = {"id": vault, "type": "Microsoft.KeyVault/vaults", "properties": {"enableRbacAuthorization": True}}
    people = {**VAULT_CASE["world"]["people"], "assignments": [f"ServicePrincipal:id-1 secrets {vault}"]}
    (path,) = of_type(
        described(VAULT_CASE, resources={"kv": body}, people=people), "exposed-machine-key-vault"
    )
    assert path.subscription == ""
    assert build_arm_id(path) == f"/providers/Microsoft.Security/attackPaths/{path.id}"
    (near,) = of_type(VAULT_CASE, "exposed-machine-key-vault")
    assert build_arm_id(near).startswith(f"/subscriptions/{SUB}/providers/")


def test_the_document_of_a_path() -> None:
    (path,) = of_type(VAULT_CASE, "exposed-machine-key-vault")
    told = build_properties(path)
    graph = told["graphComponent"]
    ids = {one["entityName"]: one["entityInternalId"] for one in graph["entities"]}
    assert [one["type"] for one in graph["connections"]] == ["exposes", "authenticatesAs", "readsSecrets"]
    assert {one["sourceEntityInternalId"] for one in graph["connections"]} <= set(ids.values())
    assert told["entryPoint"]["entityName"] == "front"
    assert told["target"]["entityIdentifiers"]["azureResourceId"].endswith("/vaults/kv")
    assert told["targetEntityInternalID"] == ids["kv"]
    first = told["attackPathSteps"][0]
    assert [one["displayName"] for one in first["assessments"]] == ["updates"]
    assert first["remediation"]
    assert told["assessments"][ids["front"]][0]["id"].endswith("/assessments/updates")
    assert json.loads(json.dumps(told)) == told
    assert "22 (SSH)" in told["attackStory"]


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        ({"actions": ["*"]}, {RoleRight.OWN, RoleRight.CHANGE}),
        ({"actions": ["*"], "notActions": ["Microsoft.Authorization/*/Write"]}, {RoleRight.CHANGE}),
        ({"actions": ["*/read"]}, set()),
        ({"actions": ["Microsoft.Authorization/*"]}, {RoleRight.OWN}),
        ({"actions": ["Microsoft.Storage/storageAccounts/listKeys/action"]}, {RoleRight.LIST_STORAGE_KEYS}),
        ({"dataActions": ["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}, {RoleRight.READ_SECRETS}),
        ({"dataActions": ["*"], "notDataActions": ["Microsoft.KeyVault/*"]}, {RoleRight.READ_BLOBS}),
    ],
    ids=["owner", "contributor", "reader", "grants roles", "storage keys", "secrets", "data but vaults"],
)
def test_rights_of_roles(role: dict[str, Any], wanted: set[RoleRight]) -> None:
    view = world.view({"people": {"roles": {"some": role}}})
    held = find_role_rights(view.roles, "/providers/microsoft.authorization/roledefinitions/some")
    managing = {RoleRight.LIST_STORAGE_KEYS, RoleRight.LIST_COSMOS_KEYS, RoleRight.SET_VAULT_POLICIES}
    assert held - managing == wanted - managing
    assert wanted <= held


@pytest.mark.parametrize("role", ["Owner", "Contributor", "Reader"])
def test_well_known_roles_need_no_definition(role: str) -> None:
    held = find_role_rights(world.view({}).roles, world.ROLES[role])
    assert (RoleRight.OWN in held, RoleRight.CHANGE in held) == (role == "Owner", role != "Reader")


def test_a_second_group_leads_to_the_same() -> None:
    """A group within a group holds for its members too."""
    case = CASES["guest-subscription"]["positive"]
    groups = {"team": ["inner"], "inner": ["ada"]}
    people = {**case["world"]["people"], "groups": groups}
    (path,) = of_type(described(case, people=people), "guest-subscription")
    assert [one.id for one in path.chain.entities] == ["ada", "team", world.SUB]


def test_peered_networks_lead_on() -> None:
    case = CASES["lateral-key-vault"]["positive"]

    def network(prefix: str, peer: str, space: str) -> dict[str, Any]:
        return {
            "space": [f"{prefix}.0.0/16"],
            "subnets": {"s": {"prefix": f"{prefix}.0.0/24"}},
            "peers": {peer: {"space": [f"{space}.0.0/16"]}},
        }

    vnets = {"v": network("10.0", "w", "10.9"), "w": network("10.9", "v", "10.0")}
    vms = {**case["world"]["vms"]}
    vms["back"] = {**vms["back"], "subnet": "w/s", "ip": "10.9.0.5"}
    assert len(of_type(described(case, vnets=vnets, vms=vms), "lateral-key-vault")) == 1
    vnets["v"]["peers"] = {}
    vnets["w"]["peers"] = {}
    assert of_type(described(case, vnets=vnets, vms=vms), "lateral-key-vault") == []


def test_choke_points() -> None:
    paths = [["a", "i", "x"], ["b", "i", "y"], ["b", "j", "x"], ["c", "x"]]
    assert find_choke_points(paths) == [("b", 2), ("i", 2)]
    assert find_choke_points([]) == []


def test_beyond_a_thousand_of_a_type_a_gap_tells(monkeypatch) -> None:
    monkeypatch.setattr(analysis, "MOST_OF_A_TYPE", 1)
    users = {f"u{at}": "guest mfa" for at in range(3)}
    people = {"users": users, "assignments": [f"User:{one} Owner sub" for one in users]}
    found = analyze(world.view({"people": people}), [])
    assert len(found.paths) == 1
    assert ("", "paths beyond the first 1 of the type guest-subscription") in found.gaps


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": "other"}, "must be that of the file"),
        ({"steps": []}, "two steps or more"),
        ({"steps": [{"entity": ["internet"]}, {"entity": ["user"]}]}, "must name its relation"),
        ({"steps": [{"entity": ["user"]}, {"entity": ["group"], "by": ["memberOf"], "optional": True}]}, "left out"),
        ({"steps": [{"entity": ["user"]}, {"entity": ["group"], "by": ["flies"]}]}, "no type of attack path"),
        ({"colour": "red"}, "no type of attack path"),
    ],
    ids=["name", "no steps", "no way", "no target", "unknown connection", "unknown field"],
)  # fmt: skip
def test_a_file_that_is_no_type(tmp_path, change: dict[str, Any], why: str) -> None:
    (folder := tmp_path / "attack_paths").mkdir()
    good = {
        "name": "good", "title": "t", "description": "d", "impact": "i", "riskCategories": [], "tactics": [], "techniques": [],
        "steps": [{"entity": ["user"]}, {"entity": ["group"], "by": ["memberOf"]}], "remediation": [],
    }  # fmt: skip
    (folder / "good.json").write_text(json.dumps(good | change))
    with pytest.raises(ContentError, match=why):
        read_types(tmp_path)
