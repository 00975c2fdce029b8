"""Adaptive network hardening over REST: read by machine, enforced by a run that waits for an approval, and refused."""

from __future__ import annotations

import pytest
from tests.analyze.world import GROUP, NET
from tests.hardening_house import build_hardening_house

VERSION = "api-version=2020-01-01"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
LIST = f"{MACHINE}/providers/Microsoft.Security/adaptiveNetworkHardenings"
NSG = f"{NET}/networkSecurityGroups/web"


@pytest.fixture(scope="module")
def publish_estate():
    return build_hardening_house


@pytest.fixture(scope="module")
def learned(server, owner):
    """The learned rules of the web server."""
    (one,) = server.get(f"{LIST}?{VERSION}", headers=owner).json()["value"]
    return one


def test_learned_rules_are_listed_and_read(server, owner, learned) -> None:
    assert learned["id"].lower() == f"{LIST}/default".lower()
    assert server.get(f"{LIST}/default?{VERSION}", headers=owner).json() == learned
    ssh = next(one for one in learned["properties"]["rules"] if one.get("destinationPort") == 22)
    assert (ssh["direction"], ssh["protocols"], ssh["ipAddresses"]) == (
        "Inbound",
        ["TCP"],
        ["198.51.100.0/24"],
    )
    (groups,) = learned["properties"]["effectiveNetworkSecurityGroups"]
    assert groups["networkSecurityGroups"] == [NSG.lower()]


def test_ports_that_nobody_needs_are_rules_without_addresses(server, owner) -> None:
    path = LIST.replace("virtualMachines/web", "virtualMachines/idle")
    rules = server.get(f"{path}/default?{VERSION}", headers=owner).json()["properties"]["rules"]
    assert {(one["destinationPort"], tuple(one["ipAddresses"])) for one in rules} >= {(3389, ()), (5985, ())}


def test_a_machine_that_is_not_there_has_none(server, owner) -> None:
    path = LIST.replace("virtualMachines/web", "virtualMachines/none")
    assert server.get(f"{path}/default?{VERSION}", headers=owner).status_code == 404


def test_enforcement_waits_for_an_approval(server, owner, instance, learned) -> None:
    body = {"rules": learned["properties"]["rules"], "networkSecurityGroups": [NSG]}
    found = server.post(f"{LIST}/default/enforce?{VERSION}", headers=owner, json=body)
    assert found.status_code == 202, found.text
    with instance.state.reading() as session:
        run = instance.state.automation_runs.read(session, found.json()["id"])
    assert (run.action, run.status.value, run.subject) == ("network-rules", "pending", MACHINE.lower())
    assert [one["group"] for one in run.settings["changes"]] == [NSG.lower()]


OTHER = {"networkSecurityGroups": [f"{NSG}x"]}
REFUSED = [
    ("no groups", lambda rules: {"rules": rules}, "networkSecurityGroups"),
    ("no rules", lambda _: {"networkSecurityGroups": [NSG]}, "'rules'"),
    ("another group", lambda rules: {"rules": rules, **OTHER}, "No rules were learned"),
    ("changed", lambda rules: {"rules": [{**rules[0], "ipAddresses": ["0.0.0.0/0"]}], **OTHER}, "not one of"),
]


@pytest.mark.parametrize(("note", "body", "text"), REFUSED, ids=[one[0] for one in REFUSED])
def test_refused_enforcement(server, owner, learned, note, body, text) -> None:
    assert note
    found = server.post(
        f"{LIST}/default/enforce?{VERSION}", headers=owner, json=body(learned["properties"]["rules"])
    )
    assert (found.status_code, text in found.text) == (400, True), found.text


def test_a_reader_does_not_enforce(server, token, learned) -> None:
    reader = {"Authorization": f"Bearer {token(('Security Reader', '/'))}"}
    assert server.get(f"{LIST}?{VERSION}", headers=reader).status_code == 200
    body = {"rules": learned["properties"]["rules"], "networkSecurityGroups": [NSG]}
    assert server.post(f"{LIST}/default/enforce?{VERSION}", headers=reader, json=body).status_code == 403


def test_only_the_rules_that_are_asked_for_are_enforced(server, owner, instance) -> None:
    """Of two wide rules before a machine one is narrowed, and never a part of one."""
    path = LIST.replace("virtualMachines/web", "virtualMachines/rpc")
    found = server.get(f"{path}/default?{VERSION}", headers=owner).json()["properties"]
    first, *others = found["proposals"]
    assert others
    stem = first["securityRules"][-1]["name"].partition("-deny-")[0]
    own = [one for one in found["rules"] if one["name"].startswith(stem)]
    group = [first["group"]]
    asked = server.post(
        f"{path}/default/enforce?{VERSION}",
        headers=owner,
        json={"rules": own, "networkSecurityGroups": group},
    )
    assert asked.status_code == 202, asked.text
    with instance.state.reading() as session:
        run = instance.state.automation_runs.read(session, asked.json()["id"])
    (change,) = run.settings["changes"]
    assert change["rules"] == first["securityRules"]
    part = {"rules": own[1:], "networkSecurityGroups": group}
    refused = server.post(f"{path}/default/enforce?{VERSION}", headers=owner, json=part)
    assert (refused.status_code, own[0]["name"] in refused.text) == (400, True), refused.text


@pytest.mark.parametrize(
    ("role", "scope", "read", "enforce"),
    [
        ("Contributor", f"{GROUP}x".lower(), (403, 404), (403, 404)),
        ("Security Reader", GROUP.lower(), (200,), (403,)),
        ("Contributor", GROUP.lower(), (200,), (202,)),
    ],
    ids=["another group", "a reader", "the group"],
)
def test_a_role_reaches_no_further_than_its_scope(server, token, learned, role, scope, read, enforce) -> None:
    headers = {"Authorization": f"Bearer {token((role, scope))}"}
    assert server.get(f"{LIST}/default?{VERSION}", headers=headers).status_code in read
    body = {"rules": learned["properties"]["rules"], "networkSecurityGroups": [NSG]}
    found = server.post(f"{LIST}/default/enforce?{VERSION}", headers=headers, json=body)
    assert found.status_code in enforce, found.text
