"""What policies would do to a planned resource, asked by the official client; the rules are put by the official client too."""

from __future__ import annotations

import pytest
from azure.mgmt.policyinsights.models import (
    CheckRestrictionsRequest,
    CheckRestrictionsResourceDetails,
    PendingField,
)
from azure.mgmt.resource.policy.models import PolicyAssignment, PolicyDefinition

pytestmark = [pytest.mark.system, pytest.mark.full]

ACCOUNT = "Microsoft.Storage/storageAccounts"


@pytest.fixture
def assigned(owner):
    """The id of an assignment that allows two places and asks for a tag."""
    rule = {
        "if": {
            "anyOf": [
                {"field": "location", "notIn": ["westeurope", "northeurope"]},
                {"field": "tags['team']", "exists": "false"},
            ]
        },
        "then": {"effect": "deny"},
    }
    one = owner.policy.policy_definitions.create_or_update(
        "planned", PolicyDefinition(policy_rule=rule, mode="Indexed", policy_type="Custom")
    )
    scope = f"/subscriptions/{owner.subscription}"
    made = owner.policy.policy_assignments.create(
        scope, "planned", PolicyAssignment(policy_definition_id=one.id)
    )
    yield made.id
    owner.policy.policy_assignments.delete(scope, "planned")
    owner.policy.policy_definitions.delete("planned")


def planned(location, *pending):
    content = {"type": ACCOUNT, **({"location": location} if location else {})}
    return CheckRestrictionsRequest(
        resource_details=CheckRestrictionsResourceDetails(resource_content=content, api_version="2023-01-01"),
        pending_fields=[PendingField(field=field, values=list(values)) for field, values in pending],
    )


def test_a_planned_resource_is_refused_by_its_place(owner, assigned):
    found = owner.insights.policy_restrictions.check_at_resource_group_scope("rg-erp-app", planned("eastus"))
    (one,) = [
        each
        for each in found.content_evaluation_result.policy_evaluations
        if each.policy_info.policy_assignment_id.lower() == assigned.lower()
    ]
    assert one.evaluation_result == "NonCompliant"
    (told,) = one.evaluation_details.evaluated_expressions
    assert (told.path, told.expression_value, told.operator) == ("location", "eastus", "notIn")


@pytest.mark.full
def test_open_fields_are_told_what_they_may_be(owner, assigned):
    asked = planned("", ("location", ("westeurope", "westus")), ("tags", ()))
    found = owner.insights.policy_restrictions.check_at_subscription_scope(asked)
    told = {
        (field.field, one.result, tuple(one.values or ()))
        for field in found.field_restrictions
        for one in field.restrictions
        if one.policy.policy_assignment_id.lower() == assigned.lower()
    }
    assert told == {("location", "Deny", ("westus",)), ("tags.team", "Required", ())}
