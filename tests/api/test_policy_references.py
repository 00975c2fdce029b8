"""What policy documents that are put may name, who may exempt from what, and who reads at a management group."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope.posture.published.findings import FindingQuery

V = "api-version=2022-07-01-preview"
AUTHORIZATION = "providers/Microsoft.Authorization"
GROUP = "/providers/Microsoft.Management/managementGroups/mg-brackwater"
BASELINE = f"{GROUP}/{AUTHORIZATION}/policyAssignments/nephoscope-baseline"
OWN = f"/{AUTHORIZATION}/policySetDefinitions/nephoscope"
RULE = {"if": {"field": "location", "equals": "moon"}, "then": {"effect": "audit"}}
WAIVER = {"exemptionCategory": "Waiver"}


@pytest.fixture(scope="module")
def place(instance):
    """A resource group that has a failing resource, the resource, its recommendation, and another subscription."""
    wanted = FindingQuery(states=frozenset({"NonCompliant"}))
    found = instance.snapshots.load_newest().findings.page(EVERYTHING, wanted, order="resource", most=400)
    one = next(one for one in found if "/resourcegroups/" in one.resource)
    group = "/".join(one.resource.split("/")[:5])
    ancestors = instance.snapshots.load_newest().build_info.ancestors
    other = next(id_ for id_ in sorted(ancestors) if id_ not in group)
    return group, one.resource, one.recommendation, f"/subscriptions/{other}"


def by(token, *roles):
    return {"Authorization": f"Bearer {token(*roles)}"}


def put(server, headers, path, properties):
    answer = server.put(f"{path}?{V}", headers=headers, json={"properties": properties})
    return answer.status_code, answer.json().get("error", {}).get("code", ""), answer.json()


def test_who_administers_a_group_exempts_from_nothing_that_is_assigned_above(server, token, instance, place):
    group, _, recommendation, _ = place
    admin = by(token, ("Security Admin", group))
    path = f"{group}/{AUTHORIZATION}/policyExemptions/mine"
    named = {**WAIVER, "metadata": {"nephoscope": {"recommendations": [recommendation]}}}
    for properties in (
        {**WAIVER, "policyAssignmentId": BASELINE},
        {**WAIVER, "policyAssignmentId": BASELINE.upper() + "/"},
        {**WAIVER, "policyAssignmentId": f"{GROUP}/{AUTHORIZATION}/policyAssignments/none"},
        named,
        {**named, "policyAssignmentId": f"{group}/{AUTHORIZATION}/policyAssignments/none"},
    ):
        status, code, body = put(server, admin, path, properties)
        assert (status, code) == (403, "LinkedAuthorizationFailed"), properties
        assert "policyAssignments/exempt/action" in body["error"]["message"]
    assert instance.state.arm_documents.get(path.lower()) is None


def test_who_has_the_right_at_the_assignment_exempts(server, token, owner, place):
    group, *_ = place
    path = f"{group}/{AUTHORIZATION}/policyExemptions/mine"
    contributor = by(token, ("Security Admin", group), ("Contributor", GROUP.lower()))
    told = put(server, contributor, path, {**WAIVER, "policyAssignmentId": BASELINE})
    assert told[0] == 201, told
    own = f"{group}/{AUTHORIZATION}/policyAssignments/mine"
    admin = by(token, ("Security Admin", group))
    assert put(server, admin, own, {"policyDefinitionId": OWN})[0] == 201
    assert put(server, admin, path, {**WAIVER, "policyAssignmentId": own})[0] == 200
    for one in (path, own):
        assert server.delete(f"{one}?{V}", headers=owner).status_code == 200


def test_an_exemption_names_an_assignment_that_holds_there(server, owner, place):
    group, _, _, other = place
    beside = f"{other}/{AUTHORIZATION}/policyAssignments/beside"
    assert put(server, owner, beside, {"policyDefinitionId": OWN})[0] == 201
    path = f"{group}/{AUTHORIZATION}/policyExemptions/mine"
    for named in (beside, f"{group}/{AUTHORIZATION}/policyAssignments/none"):
        found = put(server, owner, path, {**WAIVER, "policyAssignmentId": named})
        assert found[:2] == (400, "InvalidCreatePolicyExemptionRequest")
    unchecked = {**WAIVER, "policyAssignmentId": beside, "assignmentScopeValidation": "DoNotValidate"}
    assert put(server, owner, path, unchecked)[0] == 201
    for one in (path, beside):
        assert server.delete(f"{one}?{V}", headers=owner).status_code == 200


@pytest.mark.parametrize(
    ("definition", "status", "code"),
    [
        ("{other}/{a}/policyDefinitions/none", 400, "InvalidCreatePolicyAssignmentRequest"),
        ("{group}/{a}/policyDefinitions/none", 404, "PolicyDefinitionNotFound"),
        ("/{a}/policyDefinitions/00000000-0000-0000-0000-000000000001", 404, "PolicyDefinitionNotFound"),
        ("/{a}/policySetDefinitions/none", 404, "PolicySetDefinitionNotFound"),
        (
            "/providers/Microsoft.Management/managementGroups/mg-elsewhere/{a}/policyDefinitions/none",
            400,
            "InvalidCreatePolicyAssignmentRequest",
        ),
        ("nephoscope", 400, "InvalidPolicyDefinitionReference"),
    ],
    ids=["other", "none", "azure", "set", "group", "name"],
)
def test_an_assignment_names_what_is_there_at_or_above_it(server, owner, place, definition, status, code):
    group, _, _, other = place
    named = definition.format(a=AUTHORIZATION, group=group, other=other)
    path = f"{group}/{AUTHORIZATION}/policyAssignments/wrong"
    assert put(server, owner, path, {"policyDefinitionId": named})[:2] == (status, code)


def test_an_assignment_holds_at_the_scope_of_its_path(server, owner, token, place):
    group, _, _, other = place
    path = f"{group}/{AUTHORIZATION}/policyAssignments/far"
    admin = by(token, ("Security Admin", group))
    status, _, body = put(server, admin, path, {"policyDefinitionId": OWN, "Scope": other})
    assert (status, body["properties"]) == (201, {"policyDefinitionId": OWN, "scope": group})
    assert server.delete(f"{path}?{V}", headers=owner).status_code == 200


def test_the_members_of_an_initiative_are_there_at_or_above_it(server, owner, place):
    group, _, _, other = place
    subscription = "/".join(group.split("/")[:3])
    made = f"{subscription}/{AUTHORIZATION}/policyDefinitions/moon"
    assert put(server, owner, made, {"mode": "All", "policyRule": RULE})[0] == 201
    path = "{}/providers/Microsoft.Authorization/policySetDefinitions/mine"

    def of(scope, member):
        return put(server, owner, path.format(scope), {"policyDefinitions": [{"policyDefinitionId": member}]})

    assert of(other, made)[:2] == (400, "InvalidCreatePolicySetDefinitionRequest")
    assert of(subscription, f"{made}s")[:2] == (404, "PolicyDefinitionNotFound")
    assert of(subscription, OWN)[:2] == (400, "InvalidCreatePolicySetDefinitionRequest")
    assert of(subscription, made)[0] == 201
    for one in (path.format(subscription), made):
        assert server.delete(f"{one}?{V}", headers=owner).status_code == 200


def test_a_role_below_a_management_group_lists_there_what_is_assigned_and_nothing_else(server, token, place):
    group, *_ = place
    reader = by(token, ("Reader", group))
    listed = f"{GROUP}/providers/Microsoft.Security/assessments?api-version=2021-06-01"
    assert server.get(listed, headers=reader).status_code == 403
    summed = f"{GROUP}/providers/Microsoft.PolicyInsights/policyStates/latest/summarize"
    assert server.post(f"{summed}?api-version=2019-10-01", headers=reader).status_code == 403
    assigned = server.get(f"{GROUP}/{AUTHORIZATION}/policyAssignments?{V}", headers=reader)
    assert assigned.status_code == 200
    assert server.get(listed, headers=by(token, ("Reader", GROUP.lower()))).status_code == 200
