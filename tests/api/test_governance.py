"""Governance rules assign what fails: by whom, until when; what people put stands in the place of it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

VERSION = "api-version=2022-01-01-preview"
ERP = "sub-bwf-erp-prod"
FRAME = timedelta(days=7)


@pytest.fixture(scope="module")
def scope(subscriptions):
    return f"/subscriptions/{subscriptions[ERP]}"


@pytest.fixture
def rule(server, owner, scope):
    """Puts rules, and takes them away afterwards."""
    put = []

    def made(name, at=scope, **properties):
        whole = {
            "displayName": name, "rulePriority": 100, "ruleType": "Integrated", "sourceResourceType": "Assessments",
            "remediationTimeframe": "7.00:00:00", "isGracePeriod": True,
            "ownerSource": {"type": "Manually", "value": "kim@example.org"}, **properties,
        }  # fmt: skip
        path = f"{at}/providers/Microsoft.Security/governanceRules/{name}?{VERSION}"
        told = server.put(path, headers=owner, json={"properties": whole})
        put.append(path)
        return told

    yield made
    for path in put:
        server.delete(path, headers=owner)


def assessments(server, headers, scope):
    found, path = [], f"{scope}/providers/Microsoft.Security/assessments?api-version=2021-06-01"
    while path:
        body = server.get(path, headers=headers).json()
        found += body["value"]
        path = body.get("nextLink", "").removeprefix("https://127.0.0.1")
    return found


def governed(server, headers, scope):
    return [one for one in assessments(server, headers, scope) if "governance" in one["properties"]]


def test_what_fails_is_assigned_and_nothing_else(server, owner, scope, rule):
    assert governed(server, owner, scope) == []
    rule("all")
    unhealthy = {
        one["id"]
        for one in assessments(server, owner, scope)
        if one["properties"]["status"]["code"] == "Unhealthy"
    }
    found = governed(server, owner, scope)
    assert {one["id"] for one in found} == unhealthy != set()
    told = found[0]["properties"]["governance"]
    assert (told["owner"], told["isGracePeriod"], told["isOverdue"]) == ("kim@example.org", True, False)
    since = datetime.fromisoformat(found[0]["properties"]["status"]["statusChangeDate"])
    assert datetime.fromisoformat(told["remediationDueDate"]) >= since + FRAME
    one = server.get(f"{found[0]['id']}?api-version=2021-06-01", headers=owner).json()
    assert one["properties"]["governance"] == told
    path = f"{found[0]['id']}/governanceAssignments"
    (assignment,) = server.get(f"{path}?{VERSION}", headers=owner).json()["value"]
    assert assignment["id"] == told["assignmentId"]
    assert server.get(f"{assignment['id']}?{VERSION}", headers=owner).json() == assignment
    every = server.get(
        f"{scope}/providers/Microsoft.Security/governanceAssignments?{VERSION}", headers=owner
    ).json()["value"]
    assert {one["id"].rpartition("/governanceAssignments/")[0] for one in every} == unhealthy


def test_the_first_rule_that_holds_decides(server, owner, scope, rule):
    name = governed_name(server, owner, scope)
    rule("rest", rulePriority=500)
    condition = {"property": "$.AssessmentKey", "operator": "In", "value": f'["{name.upper()}"]'}
    rule(
        "some", rulePriority=1, conditionSets=[{"conditions": [condition]}],
        ownerSource={"type": "Manually", "value": "ada@example.org"},
    )  # fmt: skip
    owners = {
        (one["name"] == name, one["properties"]["governance"]["owner"])
        for one in governed(server, owner, scope)
    }
    assert owners == {(True, "ada@example.org"), (False, "kim@example.org")}


def governed_name(server, owner, scope):
    return next(
        one["name"]
        for one in assessments(server, owner, scope)
        if one["properties"]["status"]["code"] == "Unhealthy"
    )


def test_an_owner_by_tag(server, owner, scope, rule):
    rule("tagged", ownerSource={"type": "ByTag", "value": "OWNER"}, remediationTimeframe=None)
    found = governed(server, owner, scope)
    named = [one for one in found if one["properties"]["governance"].get("owner")]
    assert named
    for one in named[:5]:
        resource = one["id"].partition("/providers/Microsoft.Security/")[0]
        tags = server.get(f"{resource}?api-version=2024-01-01", headers=owner).json()["tags"]
        assert one["properties"]["governance"]["owner"] == tags["owner"]
        assert "remediationDueDate" not in one["properties"]["governance"]


def test_a_rule_at_a_management_group_holds_below_it(server, owner, scope, rule):
    path = "/providers/Microsoft.Management/managementGroups"
    listed = server.get(f"{path}?api-version=2020-05-01", headers=owner).json()["value"]
    above = [
        f"{path}/{one['name']}"
        for one in listed
        if scope in server.get(f"{path}/{one['name']}/descendants?api-version=2020-05-01", headers=owner).text
    ]
    top = f"{path}/mg-brackwater"
    below = next(one for one in above if one != top)
    made = rule("group", at=top)
    assert made.status_code == 201
    found = governed(server, owner, scope)
    assert {one["properties"]["governance"]["owner"] for one in found} == {"kim@example.org"}
    rule("group", at=top, excludedScopes=[below])
    assert governed(server, owner, scope) == []


@pytest.mark.parametrize("how", ["disabled", "excluded", "elsewhere"])
def test_rules_that_do_not_hold(server, owner, scope, subscriptions, rule, how):
    other = f"/subscriptions/{subscriptions['sub-bwf-data-prod']}"
    rule(
        "none",
        at=other if how == "elsewhere" else scope,
        isDisabled=how == "disabled",
        excludedScopes=[scope.upper()] if how == "excluded" else [],
    )
    assert governed(server, owner, scope) == []


def test_what_somebody_puts_stands_in_its_place(server, owner, scope, rule):
    rule("all")
    one = governed(server, owner, scope)[0]
    path = f"{one['id']}/governanceAssignments/mine?{VERSION}"
    given = {
        "owner": "eve@example.org", "remediationDueDate": "2020-01-01T00:00:00+00:00", "isGracePeriod": False,
        "remediationEta": {"eta": "2027-01-01T00:00:00Z", "justification": "parts are ordered"},
    }  # fmt: skip
    assert server.put(path, headers=owner, json={"properties": given}).status_code == 201
    told = server.get(f"{one['id']}?api-version=2021-06-01", headers=owner).json()["properties"]["governance"]
    assert (told["owner"], told["isOverdue"], told["remediationEta"]["justification"]) == (
        "eve@example.org", True, "parts are ordered",
    )  # fmt: skip
    listed = server.get(f"{one['id']}/governanceAssignments?{VERSION}", headers=owner).json()["value"]
    assert [each["name"] for each in listed] == ["mine"]
    server.delete(path, headers=owner)
    told = server.get(f"{one['id']}?api-version=2021-06-01", headers=owner).json()["properties"]["governance"]
    assert told["owner"] == "kim@example.org"


def test_a_run_has_nothing_to_wait_for(server, owner, scope, rule):
    rule("all")
    path = f"{scope}/providers/Microsoft.Security/governanceRules/all"
    told = server.post(f"{path}/execute?{VERSION}", headers=owner, json={})
    assert told.status_code == 202
    where = told.headers["location"].removeprefix("https://127.0.0.1")
    assert server.get(where, headers=owner).json() == {"status": "Succeeded"}
    assert server.post(f"{path}x/execute?{VERSION}", headers=owner, json={}).status_code == 404


@pytest.mark.parametrize(
    ("properties", "target"),
    [
        ({"rulePriority": "x"}, "properties.rulePriority"),
        ({"rulePriority": 5000}, "properties.rulePriority"),
        ({"ownerSource": {}}, "properties.ownerSource.type"),
        ({"remediationTimeframe": "soon"}, "properties.remediationTimeframe"),
        ({"excludedScopes": [1]}, "properties.excludedScopes[0]"),
        ({"conditionSets": [{}]}, "properties.conditionSets[0].conditions"),
        (
            {"conditionSets": [{"conditions": [{"property": "$.Weather"}]}]},
            "properties.conditionSets[0].conditions[0].property",
        ),
        (
            {
                "conditionSets": [
                    {"conditions": [{"property": "$.AssessmentKey", "operator": "In", "value": "x"}]}
                ]
            },
            "properties.conditionSets[0].conditions[0].value",
        ),
    ],
)
def test_what_is_no_rule_says_where(rule, properties, target):
    told = rule("wrong", **properties)
    assert (told.status_code, told.json()["error"]["target"]) == (400, target)
