"""What assigned policies say of a resource that is only planned."""

from __future__ import annotations

import pytest

from nephoscope.model.read_scope import EVERYTHING
from nephoscope_policy.model.resource_id import RESOURCE_GROUP_TYPE

VERSION = "2022-03-01"
TYPE = "Microsoft.Storage/storageAccounts"
AUTHORIZATION = "providers/Microsoft.Authorization"
HTTPS = f"{TYPE}/supportsHttpsTrafficOnly"


def equals(field, value):
    return {"field": field, "equals": value}


RULES = {
    "places": ({"field": "location", "notIn": "[parameters('allowed')]"}, {"effect": "deny"}),
    "kinds-of-tag": (
        {"allOf": [equals("type", TYPE), {"field": "tags['environment']", "notIn": ["Prod", "Test"]}]},
        {"effect": "[parameters('effect')]"},
    ),
    "https": ({"allOf": [equals("type", TYPE), {"field": HTTPS, "notEquals": "true"}]}, {"effect": "deny"}),
    "owner": (
        {"field": "tags['owner']", "exists": "false"},
        {"effect": "append", "details": [{"field": "tags['owner']", "value": "nobody"}]},
    ),
    "centre": (
        {"allOf": [equals("type", TYPE), {"field": "tags.centre", "exists": "false"}]},
        {
            "effect": "modify",
            "details": {
                "roleDefinitionIds": ["/providers/Microsoft.Authorization/roleDefinitions/x"],
                "operations": [{"operation": "add", "field": "tags.centre", "value": "[concat('c', 1)]"}],
            },
        },
    ),
}
PARAMETERS = {
    "places": {"allowed": {"type": "Array", "defaultValue": ["westeurope", "northeurope"]}},
    "kinds-of-tag": {"effect": {"type": "String", "defaultValue": "Deny"}},
}


@pytest.fixture(scope="module")
def groups(instance, subscriptions):
    """The ids of the resource groups of the first subscription that has several."""
    listing = instance.snapshots.load_newest().listing
    for one in sorted(subscriptions.values()):
        found = [
            str(each["id"])
            for each in listing.page([RESOURCE_GROUP_TYPE], EVERYTHING, f"/subscriptions/{one}").bodies
        ]
        if len(found) > 1:
            return found
    raise AssertionError("no subscription of the sample has two resource groups")


@pytest.fixture(scope="module")
def scope(server, owner, groups):
    """A resource group's id; the subscription around it has the rules assigned."""
    subscription = groups[0].lower().partition("/resourcegroups/")[0]
    for name, (condition, then) in RULES.items():
        put(server, owner, f"{subscription}/{AUTHORIZATION}/policyDefinitions/{name}", {
            "mode": "All", "parameters": PARAMETERS.get(name, {}), "policyRule": {"if": condition, "then": then},
        })  # fmt: skip
        assign(server, owner, subscription, name)
    return groups[0]


def put(server, owner, path, properties):
    answer = server.put(f"{path}?api-version=2023-04-01", headers=owner, json={"properties": properties})
    assert answer.status_code in (200, 201), answer.text


def assign(server, owner, subscription, name, **more):
    definition = f"{subscription}/{AUTHORIZATION}/policyDefinitions/{name}"
    path = f"{subscription}/{AUTHORIZATION}/policyAssignments/{name}"
    put(server, owner, path, {"policyDefinitionId": definition, **more})


def asked(server, owner, scope, content=None, pending=(), version=VERSION, **more):
    body = {"resourceDetails": {"resourceContent": content}} if content is not None else {}
    body |= {"pendingFields": [{"field": field, "values": list(values)} for field, values in pending], **more}
    path = f"{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version={version}"
    return server.post(path, headers=owner, json=body)


def fields(answer):
    """(field, result, values, default, name of the assignment)."""
    assert answer.status_code == 200, answer.text
    found = [
        (one["field"], each) for one in answer.json()["fieldRestrictions"] for each in one["restrictions"]
    ]
    return {
        (
            field,
            one["result"],
            tuple(one.get("values") or ()),
            one.get("defaultValue"),
            one["policy"]["policyAssignmentId"].rsplit("/", 1)[-1],
        )
        for field, one in found
    }


def evaluated(answer):
    found = answer.json()["contentEvaluationResult"]["policyEvaluations"]
    return {one["policyInfo"]["policyAssignmentId"].rsplit("/", 1)[-1]: one for one in found}


ACCOUNT = {"type": TYPE, "location": "westeurope"}


def test_content_is_refused_by_what_it_says_and_not_by_what_may_still_come(server, owner, scope):
    assert evaluated(asked(server, owner, scope, ACCOUNT)) == {}
    (told,) = evaluated(asked(server, owner, scope, {"type": TYPE, "location": "eastus"})).values()
    assert told["evaluationResult"] == "NonCompliant"
    (one,) = told["evaluationDetails"]["evaluatedExpressions"]
    assert one == {
        "result": "True",
        "expressionKind": "Field",
        "expression": "location",
        "path": "location",
        "expressionValue": "eastus",
        "targetValue": ["westeurope", "northeurope"],
        "operator": "notIn",
    }
    wrong = {**ACCOUNT, "properties": {"supportsHttpsTrafficOnly": False}, "tags": {"environment": "Play"}}
    assert set(evaluated(asked(server, owner, scope, wrong))) == {"https", "kinds-of-tag"}


def test_values_of_a_field_are_tried(server, owner, scope):
    pending = [("location", ("westeurope", "eastus", "North Europe", "westus"))]
    found = fields(asked(server, owner, scope, {"type": TYPE}, pending))
    assert found == {("location", "Deny", ("eastus", "westus"), None, "places")}
    assert fields(asked(server, owner, scope, {"type": TYPE}, [("location", ("westeurope",))])) == set()


def test_tags_are_asked_for_set_and_limited(server, owner, scope):
    assert fields(asked(server, owner, scope, ACCOUNT, [("tags", ())])) == {
        ("tags.environment", "Required", ("Prod", "Test"), None, "kinds-of-tag"),
        ("tags.owner", "Required", ("nobody",), "nobody", "owner"),
        ("tags.centre", "Required", (), "c1", "centre"),
    }
    said = {**ACCOUNT, "tags": {"environment": "Prod", "owner": "me", "centre": "c7"}}
    assert fields(asked(server, owner, scope, said, [("tags", ())])) == set()
    other = asked(
        server, owner, scope, {"type": "Microsoft.Web/sites", "location": "westeurope"}, [("tags", ())]
    )
    assert {one[0] for one in fields(other)} == {"tags.owner"}


def test_an_alias_that_must_have_a_value(server, owner, scope):
    found = fields(asked(server, owner, scope, ACCOUNT, [(HTTPS, ())]))
    assert (HTTPS, "Required", ("true",), None, "https") in found
    refused = fields(asked(server, owner, scope, ACCOUNT, [(HTTPS, ("true", "false"))]))
    assert refused == {(HTTPS, "Deny", ("false",), None, "https")}


def test_the_effect_is_told_from_the_version_on_that_has_audits(server, owner, scope):
    subscription = scope.lower().partition("/resourcegroups")[0]
    assign(server, owner, subscription, "kinds-of-tag", parameters={"effect": {"value": "Audit"}})
    try:
        wrong = {**ACCOUNT, "tags": {"environment": "Play"}}
        assert evaluated(asked(server, owner, scope, wrong, version="2023-03-01")) == {}
        told = evaluated(asked(server, owner, scope, wrong, version="2023-03-01", includeAuditEffect=True))
        assert told["kinds-of-tag"]["effectDetails"] == {"policyEffect": "Audit"}
        answer = asked(server, owner, scope, ACCOUNT, [("tags", ())], "2023-03-01", includeAuditEffect=True)
        assert ("tags.environment", "Audit") in {one[:2] for one in fields(answer)}
    finally:
        assign(server, owner, subscription, "kinds-of-tag")


def test_what_is_not_enforced_exempt_or_elsewhere_restricts_nothing(
    server, owner, groups, scope, subscriptions
):
    beside = groups[1]
    subscription = scope.lower().partition("/resourcegroups")[0]
    east = {"type": TYPE, "location": "eastus"}
    assert set(evaluated(asked(server, owner, scope, east))) == {"places"}
    assign(server, owner, subscription, "places", enforcementMode="DoNotEnforce")
    assert evaluated(asked(server, owner, scope, east)) == {}
    assign(server, owner, subscription, "places", notScopes=[scope])
    assert evaluated(asked(server, owner, scope, east)) == {}
    assert set(evaluated(asked(server, owner, beside, east))) == {"places"}
    assign(server, owner, subscription, "places")
    waiver = {
        "policyAssignmentId": f"{subscription}/{AUTHORIZATION}/policyAssignments/places",
        "exemptionCategory": "Waiver",
    }
    path = f"{scope}/{AUTHORIZATION}/policyExemptions/east"
    put(server, owner, path, waiver)
    assert evaluated(asked(server, owner, scope, east)) == {}
    assert server.delete(f"{path}?api-version=2022-07-01-preview", headers=owner).status_code == 200
    assert set(evaluated(asked(server, owner, scope, east))) == {"places"}
    others = sorted(one for one in subscriptions.values() if one not in scope.lower())
    assert evaluated(asked(server, owner, f"/subscriptions/{others[0]}", east)) == {}


def test_types_are_refused_in_a_management_group(server, owner, instance, scope):
    group = next(iter(instance.snapshots.load_newest().build_info.ancestors.values()))[-1]
    put(server, owner, f"{group}/{AUTHORIZATION}/policyDefinitions/types", {
        "mode": "All",
        "policyRule": {"if": {"field": "type", "in": ["Microsoft.Classic/disks", TYPE]}, "then": {"effect": "deny"}},
    })  # fmt: skip
    assign(server, owner, group, "types")
    found = fields(asked(server, owner, group, pending=[("type", ())]))
    assert found == {("type", "Deny", ("Microsoft.Classic/disks", TYPE), None, "types")}
    assert "types" in evaluated(asked(server, owner, scope, ACCOUNT))
    assert (
        server.delete(
            f"{group}/{AUTHORIZATION}/policyAssignments/types?api-version=2023-04-01", headers=owner
        ).status_code
        == 200
    )
    assert fields(asked(server, owner, group, pending=[("type", ())])) == set()
    assert asked(server, owner, group, pending=[("location", ())]).status_code == 400


@pytest.mark.parametrize(
    ("body", "target"),
    [
        ({}, "resourceDetails.resourceContent"),
        ({"resourceDetails": []}, "resourceDetails"),
        ({"resourceDetails": {"resourceContent": {"type": 1}}}, "resourceDetails.resourceContent.type"),
        ({"resourceDetails": {"resourceContent": {"type": "x"}}}, "resourceDetails.resourceContent.type"),
        ({"resourceDetails": {"resourceContent": {}, "scope": "/subscriptions/other"}}, "resourceDetails.scope"),
        ({"resourceDetails": {"resourceContent": {}}, "pendingFields": {}}, "pendingFields"),
        ({"resourceDetails": {"resourceContent": {}}, "pendingFields": [{}]}, "pendingFields[0].field"),
        ({"resourceDetails": {"resourceContent": {}}, "pendingFields": [{"field": "nothing"}]}, "pendingFields[0].field"),
        ({"resourceDetails": {"resourceContent": {}}, "pendingFields": [{"field": "name", "values": [1]}]}, "pendingFields[0].values"),
    ],
    ids=["nothing", "list", "type", "short", "scope", "object", "field", "unknown", "values"],
)  # fmt: skip
def test_what_is_wrong_is_told(server, owner, scope, body, target):
    path = f"{scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version={VERSION}"
    answer = server.post(path, headers=owner, json=body)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, target)


def test_only_who_may_read_there_asks(server, token, scope, subscriptions):
    other = next(f"/subscriptions/{one}" for one in subscriptions.values() if one not in scope.lower())
    stranger = {"Authorization": f"Bearer {token(('Reader', other))}"}
    assert asked(server, stranger, scope, ACCOUNT).status_code == 403
