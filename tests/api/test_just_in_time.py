"""Policies of just-in-time access: they name machines that there are, and ports are asked for that they name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

VERSION = "api-version=2020-01-01"
PORT = {"number": 22, "protocol": "TCP", "maxRequestAccessDuration": "PT3H"}
SOON = {"allowedSourceAddressPrefix": "10.0.0.4", "endTimeUtc": "2026-11-24T10:00:00Z"}


@pytest.fixture
def policy(server, owner, subscriptions, machine):
    """The path of a policy that names a machine."""
    scope = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}/resourceGroups/{machine[1]}"
    path = f"{scope}/providers/Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/asked"
    body = {"kind": "Basic", "properties": {"virtualMachines": [{"id": machine[0], "ports": [PORT]}]}}
    assert server.put(f"{path}?{VERSION}", headers=owner, json=body).status_code == 200
    yield path
    assert server.delete(f"{path}?{VERSION}", headers=owner).status_code == 200


def test_a_policy_that_is_only_kept_is_not_said_to_be_carried_out(server, owner, policy, machine):
    properties = {"virtualMachines": [{"id": machine[0], "ports": [PORT]}], "provisioningState": "Succeeded"}
    put = server.put(f"{policy}?{VERSION}", headers=owner, json={"kind": "Basic", "properties": properties})
    read = server.get(f"{policy}?{VERSION}", headers=owner)
    listed = server.get(f"{policy.rpartition('/')[0]}?{VERSION}", headers=owner).json()["value"]
    mine = [one for one in listed if one["id"].lower() == policy.lower()]
    assert len(mine) == 1
    for body in (put.json(), read.json(), *mine):
        assert set(body["properties"]) == {"virtualMachines"}


def test_a_scanner_that_nobody_installs_is_not_said_to_be_installed(server, owner, machine):
    path = f"{machine[0]}/providers/Microsoft.Security/serverVulnerabilityAssessments/default?api-version=2020-01-01"
    for answer in (server.put(path, headers=owner, json={}), server.get(path, headers=owner)):
        assert "provisioningState" not in answer.json().get("properties", {}), answer.text
    assert server.delete(path, headers=owner).status_code in (200, 202)


def asked(server, headers, policy, machines):
    path = f"{policy}/initiate?{VERSION}"
    return server.post(path, headers=headers, json={"virtualMachines": machines, "justification": "x"})


def soon(minutes=60):
    ends = datetime.now(UTC) + timedelta(minutes=minutes)
    return {
        "allowedSourceAddressPrefix": "10.0.0.4",
        "endTimeUtc": ends.strftime("%Y-%m-%dT%H:%M:%S.0000000Z"),
    }


def test_who_may_approve_opens_a_port_and_the_policy_is_served_whole(server, owner, policy, machine):
    answer = asked(server, owner, policy, [{"id": machine[0].upper(), "ports": [{"number": 22, **soon()}]}])
    assert answer.status_code == 202, answer.text
    read = server.get(f"{policy}?{VERSION}", headers=owner).json()["properties"]
    (request,) = read["requests"]
    assert request == answer.json()
    assert request["justification"] == "x"
    (opened,) = request["virtualMachines"][0]["ports"]
    assert (opened["status"], opened["statusReason"]) == ("Initiated", "UserRequested")
    assert opened["allowedSourceAddressPrefix"] == "10.0.0.4"
    assert "provisioningState" not in read  # no host said that it enforces it


def test_two_requests_at_once_are_both_kept(server, owner, policy, machine):
    with ThreadPoolExecutor(2) as pool:
        body = [{"id": machine[0], "ports": [{"number": 22, **soon()}]}]
        answers = list(pool.map(lambda _: asked(server, owner, policy, body).status_code, range(2)))
    requests = server.get(f"{policy}?{VERSION}", headers=owner).json()["properties"]["requests"]
    assert answers == [202, 202]
    assert len(requests) >= 2


def test_without_the_right_a_request_is_refused(server, token, policy, machine):
    scope = policy.partition("/providers/")[0].lower()
    headers = {"Authorization": f"Bearer {token(('Reader', scope))}"}
    answer = asked(server, headers, policy, [{"id": machine[0], "ports": [{"number": 22, **soon()}]}])
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")


@pytest.mark.parametrize("minutes", [-1, 181])
def test_a_time_that_the_policy_does_not_allow_is_refused(server, owner, policy, machine, minutes):
    answer = asked(server, owner, policy, [{"id": machine[0], "ports": [{"number": 22, **soon(minutes)}]}])
    target = "virtualMachines[0].ports[0].endTimeUtc"
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target), answer.text


@pytest.mark.parametrize(
    ("change", "target"),
    [
        (lambda one: {**one, "id": f"{one['id']}2"}, "virtualMachines[0].id"),
        (lambda one: {**one, "id": "vm"}, "virtualMachines[0].id"),
        (lambda one: {**one, "ports": [{"number": 3389}]}, "virtualMachines[0].ports[0].number"),
        (lambda one: {**one, "ports": []}, "virtualMachines[0].ports"),
        (
            lambda one: {**one, "ports": [{"number": 22, "allowedSourceAddressPrefix": "here"}]},
            "virtualMachines[0].ports[0].allowedSourceAddressPrefix",
        ),
        (
            lambda one: {
                **one,
                "ports": [{"number": 22, "allowedSourceAddressPrefix": "fe80::%x }; flush ruleset; #/64"}],
            },
            "virtualMachines[0].ports[0].allowedSourceAddressPrefix",
        ),
        (
            lambda one: {**one, "ports": [{"number": 22, "endTimeUtc": "soon"}]},
            "virtualMachines[0].ports[0].endTimeUtc",
        ),
    ],
)
def test_what_the_policy_does_not_name_cannot_be_asked_for(server, owner, policy, machine, change, target):
    answer = asked(server, owner, policy, [change({"id": machine[0], "ports": [{"number": 22, **SOON}]})])
    assert (answer.status_code, answer.json()["error"].get("target")) == (400, target), answer.text


def test_who_may_not_know_of_a_machine_is_told_that_there_is_none(
    server, token, subscriptions, machine, policy
):
    """Machines of other resource groups are none to whom only one group's policies are given."""
    group = next(one for one in ("rg-erp-sql", "rg-erp-data") if one != machine[1].lower())
    scope = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}/resourceGroups/{group}"
    headers = {"Authorization": f"Bearer {token(('Owner', scope.lower()))}"}
    path = f"{scope}/providers/Microsoft.Security/locations/westeurope/jitNetworkAccessPolicies/other"
    body = {"kind": "Basic", "properties": {"virtualMachines": [{"id": machine[0], "ports": [PORT]}]}}
    answer = server.put(f"{path}?{VERSION}", headers=headers, json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidResourceReference")
    assert answer.json()["error"]["target"] == "properties.virtualMachines[0].id"
