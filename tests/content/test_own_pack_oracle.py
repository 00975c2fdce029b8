"""The comparer of own policies and built-ins finds differences where there are some."""

from __future__ import annotations

import own_pack as oracle
import pytest

DISK = {
    "id": "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g/providers/Microsoft.Compute/disks/d",
    "type": "Microsoft.Compute/disks",
    "properties": {
        "networkAccessPolicy": "DenyAll",
        "encryption": {"type": "EncryptionAtRestWithCustomerKey"},
    },
}
ALIAS = "Microsoft.Compute/disks/networkAccessPolicy"


def assess(condition: dict) -> oracle.Judge:
    rule = {
        "if": {"allOf": [{"field": "type", "equals": DISK["type"]}, condition]},
        "then": {"effect": "audit"},
    }
    return oracle.Judge({"properties": {"mode": "All", "policyRule": rule}})


def compare(own: dict, builtin: dict, engine: str = "") -> oracle.Pair:
    pair = oracle.Pair("own", "builtin")
    mine, theirs = assess(own), assess(builtin)
    oracle.compare(pair, mine, theirs, oracle.worlds(mine, theirs, [(DISK, [])], [DISK]), engine)
    return pair


SAME = {"field": ALIAS, "equals": "AllowAll"}


def test_equal_rules_agree_with_evidence_of_both_verdicts() -> None:
    pair = compare(SAME, {"not": {"field": ALIAS, "notEquals": "allowall"}})
    assert pair.seen["miss"] == 0
    assert pair.seen["Compliant"] > 0
    assert pair.seen["NonCompliant"] > 0
    assert oracle.report([pair], verbose=False) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"field": ALIAS, "equals": "AllowPrivate"},
        {"field": ALIAS, "notEquals": "DenyAll"},
        {"field": ALIAS, "exists": False},
        {"field": ALIAS, "in": ["AllowAll", ""]},
        {"anyOf": [SAME, {"field": "Microsoft.Compute/disks/encryption.type", "exists": False}]},
        {"allOf": [SAME, {"field": "Microsoft.Compute/disks/encryption.type", "notEquals": "x"}]},
    ],
)
def test_rules_that_differ_on_one_leaf_are_told_apart(other: dict) -> None:
    pair = compare(SAME, other)
    assert pair.seen["miss"] > 0
    assert pair.misses
    assert oracle.report([pair], verbose=True) == 1


def test_the_floor_is_low_and_one_verdict_is_no_evidence() -> None:
    assert compare(SAME, SAME, "error").seen["match"] == 0
    assert compare(SAME, SAME, "empty").seen["miss"] > 0
    never = {"value": 1, "equals": 2}
    assert oracle.report([compare(never, never)], verbose=False) == 1


def test_mutations_change_one_leaf_and_leave_the_body_alone() -> None:
    path = ("properties", "encryption", "type")
    before = str(DISK)
    made = list(oracle.mutations(DISK, {path: ["X"]}))
    values = [oracle.read(body, path) for body in made]
    assert None in values
    assert "" in values
    assert "X" in values
    assert "encryptionatrestwithcustomerkey" in values
    assert any("encryption" not in body["properties"] for body in made)
    assert str(DISK) == before


def test_a_related_body_moves_with_the_resource() -> None:
    other = {**DISK, "id": DISK["id"].replace("1111-4111", "2222-4222").replace("/g/", "/h/")}
    beside = {"id": DISK["id"] + "/providers/Microsoft.Security/assessments/k"}
    tenant = {
        "id": "/subscriptions/11111111-1111-4111-8111-111111111111/providers/Microsoft.Security/pricings/p"
    }
    moved = oracle.rebased((DISK, [beside, tenant]), other)
    assert moved[0]["id"].startswith(other["id"])
    assert moved[1]["id"].startswith("/".join(other["id"].split("/")[:3]) + "/providers")
