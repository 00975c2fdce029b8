"""The options of policy states: what a filter picks, how rows are grouped, sorted and cut."""

from __future__ import annotations

import pytest

from nephoscope.api.wire.azure_error import ApiError
from nephoscope.api.wire.odata_filter import compile_filter
from nephoscope.api.wire.policy_state_query import apply_steps, order_rows, parse_select, select_fields

ROWS = [
    {"resourceId": "/a", "policyDefinitionAction": "audit", "isCompliant": False, "n": 1},
    {"resourceId": "/b", "policyDefinitionAction": "Deny", "isCompliant": False, "n": 10},
    {"resourceId": "/c", "policyDefinitionAction": "audit", "isCompliant": True, "n": 9},
]
FILTERS = [
    ("", "abc"),
    ("IsCompliant eq false", "ab"),
    ("isCompliant eq true or policyDefinitionAction eq 'deny'", "bc"),
    (
        "IsCompliant eq false and (PolicyDefinitionAction eq 'audit' or PolicyDefinitionAction eq 'deny')",
        "ab",
    ),
    ("not (resourceId eq '/a') and n gt 9", "b"),
    ("n le 9 and nosuch eq null", "ac"),
    ("isCompliant eq true or isCompliant eq false and n eq 1", "ac"),
]
WRONG = [
    ("isCompliant", 12), ("isCompliant is true", 13), ("(isCompliant eq true", 21), ("a eq 'b", 6), ("a eq 'b' c", 10), ("a eq b", 6),
    ("a eq 1 and", 11), (")", 1),
]  # fmt: skip
APPLIED = [
    ("aggregate($count as N)", [{"N": 3}]),
    (
        "groupby((PolicyDefinitionAction))",
        [{"policyDefinitionAction": "audit"}, {"policyDefinitionAction": "Deny"}],
    ),
    (
        "groupby((policydefinitionaction), aggregate($count as N))",
        [{"policyDefinitionAction": "audit", "N": 2}, {"policyDefinitionAction": "Deny", "N": 1}],
    ),
    (
        "groupby((PolicyDefinitionAction, ResourceId))/groupby((PolicyDefinitionAction))/aggregate($count as M)",
        [{"M": 2}],
    ),
]


@pytest.mark.parametrize(("text", "wanted"), FILTERS)
def test_a_filter(text, wanted):
    assert "".join(one["resourceId"][1:] for one in ROWS if compile_filter(text)(one)) == wanted


@pytest.mark.parametrize(("text", "place"), WRONG)
def test_a_wrong_filter_says_where(text, place):
    with pytest.raises(ApiError, match=f"at character {place}:"):
        compile_filter(text)


def test_a_filter_too_deep_or_too_long():
    for text in ("(" * 60 + "a eq 1" + ")" * 60, "a eq 1 and " * 500 + "a eq 1"):
        with pytest.raises(ApiError):
            compile_filter(text)


@pytest.mark.parametrize(("text", "wanted"), APPLIED)
def test_groups(text, wanted):
    assert apply_steps(ROWS, text) == wanted


def test_orders_and_fields():
    assert [one["n"] for one in order_rows(ROWS, "N desc")] == [10, 9, 1]
    assert [one["n"] for one in order_rows(ROWS, "PolicyDefinitionAction asc, n desc")] == [9, 1, 10]
    assert select_fields(ROWS[0], parse_select("N, ResourceId, nosuch")) == {"resourceId": "/a", "n": 1}
    for wrong in (
        lambda: order_rows(ROWS, "n up"),
        lambda: parse_select("a b"),
        lambda: apply_steps(ROWS, "sum(n)"),
    ):
        with pytest.raises(ApiError):
            wrong()


def test_over_the_sample(server, owner, report, subscriptions):
    path = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults"
    version = {"api-version": "2019-10-01"}
    every = server.post(path, params=version, headers=owner).json()["value"]
    counted = server.post(path, params={**version, "$apply": "aggregate($count as N)"}, headers=owner).json()[
        "value"
    ]
    assert counted[0]["N"] >= len(every) > 0
    options = {"$orderby": "resourceId desc", "$select": "ResourceId", "$top": "3"}
    rows = server.post(path, params={**version, **options}, headers=owner).json()["value"]
    assert [set(one) - {"@odata.id", "@odata.context"} for one in rows] == [{"resourceId"}] * 3
    assert [one["resourceId"].lower() for one in rows] == sorted(
        (one["resourceId"].lower() for one in rows), reverse=True
    )
    later = server.post(path, params={**version, "$from": "2030-01-01T00:00:00Z"}, headers=owner).json()[
        "value"
    ]
    assert later == []


def test_states_are_asked_for_by_the_names_of_their_assignment_and_initiative(server, owner, subscriptions):
    path = f"/subscriptions/{subscriptions['sub-bwf-erp-prod']}/providers/Microsoft.PolicyInsights/policyStates/latest/queryResults"
    version = {"api-version": "2019-10-01"}
    every = server.post(path, params={**version, "$top": "1"}, headers=owner).json()["value"][0]
    assert every["policyAssignmentId"].endswith(f"/{every['policyAssignmentName']}")
    assert every["policySetDefinitionId"].endswith(f"/{every['policySetDefinitionName']}")
    for name in (
        "PolicyAssignmentName",
        "policySetDefinitionId",
        "policyDefinitionCategory",
        "policyDefinitionReferenceId",
    ):
        value = every[name[0].lower() + name[1:]]
        found = server.post(path, params={**version, "$filter": f"{name} eq '{value}'"}, headers=owner).json()
        assert found["@odata.count"] > 0, name
        none = server.post(path, params={**version, "$filter": f"{name} eq 'another'"}, headers=owner).json()
        assert none["@odata.count"] == 0, name
    wrong = server.post(
        path, params={**version, "$filter": "IsCompliant eq false and Nope eq 'x'"}, headers=owner
    )
    assert wrong.status_code == 400
    assert "names 'Nope' at character 26" in wrong.json()["error"]["message"]
