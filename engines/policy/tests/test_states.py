"""Effects, modes, applicability and unknowns: which state a resource ends in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

ID = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Storage/storageAccounts/one"
HTTPS = "Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly"
TYPE = {"field": "type", "equals": "Microsoft.Storage/storageAccounts"}


def account(**properties: Any) -> Resource:
    return Resource.of(
        {"id": ID, "name": "one", "kind": "StorageV2", "location": "westeurope", "properties": properties}
    )


def definition(
    condition: Any,
    effect: str = "audit",
    mode: str = "All",
    parameters: dict[str, Any] | None = None,
    **then: Any,
) -> policy.Definition:
    rule = {"if": condition, "then": {"effect": effect, **then}}
    return policy.Definition.parse({"mode": mode, "parameters": parameters or {}, "policyRule": rule})


def result(
    rule: policy.Definition,
    resource: Resource,
    context: policy.EvaluationContext | None = None,
    parameters: dict[str, Any] | None = None,
) -> policy.Result:
    snapshot = policy.Snapshot([resource])
    fast, slow = (
        rule.evaluate(resource, snapshot, parameters, context),
        rule.explain(resource, snapshot, parameters, context),
    )
    assert fast == slow
    return fast


OFF = {"allOf": [TYPE, {"field": HTTPS, "notEquals": True}]}


@pytest.mark.parametrize("effect", ["audit", "Deny", "append", "modify"])
def test_a_match_is_non_compliant(effect: str) -> None:
    rule = definition(OFF, effect)
    assert result(rule, account()).state is ComplianceState.NON_COMPLIANT
    assert result(rule, account(supportsHttpsTrafficOnly=True)).state is ComplianceState.COMPLIANT


def test_disabled_is_not_applicable() -> None:
    ended = result(definition(OFF, "Disabled"), account())
    assert (ended.state, ended.cause) == (ComplianceState.NOT_APPLICABLE, "disabled")


def test_another_type_is_not_applicable() -> None:
    vault = Resource.of({"id": ID.replace("Storage/storageAccounts", "KeyVault/vaults")})
    assert result(definition(OFF), vault).state is ComplianceState.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("condition", "state"),
    [
        ({"field": "kind", "equals": "other"}, ComplianceState.COMPLIANT),
        ({"allOf": [TYPE, {"field": "kind", "equals": "other"}]}, ComplianceState.COMPLIANT),
        (
            {"allOf": [TYPE, {"field": "kind", "equals": "other"}, {"field": HTTPS, "equals": 1}]},
            ComplianceState.NOT_APPLICABLE,
        ),
        (
            {"allOf": [{"field": "name", "like": "x*"}, {"field": HTTPS, "equals": 1}]},
            ComplianceState.NOT_APPLICABLE,
        ),
        (
            {"not": {"field": "type", "equals": "Microsoft.Storage/storageAccounts"}},
            ComplianceState.NOT_APPLICABLE,
        ),
        ({"field": HTTPS, "equals": 1}, ComplianceState.COMPLIANT),
    ],
)
def test_applicability_after_azures_special_cases(condition: Any, state: ComplianceState) -> None:
    assert result(definition(condition), account()).state is state


def test_if_not_exists_whose_if_is_false_is_not_applicable() -> None:
    details = {"type": "Microsoft.Insights/diagnosticSettings"}
    rule = definition(OFF, "auditIfNotExists", details=details)
    assert result(rule, account(supportsHttpsTrafficOnly=True)).state is ComplianceState.NOT_APPLICABLE
    assert result(rule, account()).state is ComplianceState.NON_COMPLIANT


def test_a_listed_resource_ends_unknown_and_never_healthy() -> None:
    listed = Resource.of({"id": ID, "kind": "StorageV2", "location": "westeurope"}, complete=False)
    ended = result(definition(OFF), listed)
    assert (ended.state, ended.cause) == (ComplianceState.UNKNOWN, "not-collected")
    assert (
        result(definition({"allOf": [{"field": "kind", "equals": "x"}, OFF]}), listed).state
        is ComplianceState.NOT_APPLICABLE
    )
    assert result(definition({"anyOf": [TYPE, OFF]}), listed).state is ComplianceState.NON_COMPLIANT


def test_an_expression_that_fails_is_an_error_unless_something_else_decides() -> None:
    broken = {"value": "[substring(field('kind'), 0, 99)]", "equals": "x"}
    ended = result(definition({"allOf": [TYPE, broken]}), account())
    assert (ended.state, ended.cause) == (ComplianceState.ERROR, "expression-error")
    assert (
        result(definition({"allOf": [broken, {"field": "name", "equals": "zz"}]}), account()).state
        is not ComplianceState.ERROR
    )
    assert result(definition({"anyOf": [broken, TYPE]}), account()).state is ComplianceState.NON_COMPLIANT


def test_data_plane_modes_wait_for_their_evaluator() -> None:
    rule = definition(
        {"field": "type", "equals": "Microsoft.ContainerService/managedClusters"},
        "audit",
        "Microsoft.Kubernetes.Data",
    )
    ended = result(rule, account())
    assert (ended.state, ended.cause) == (ComplianceState.UNKNOWN, "data-plane-mode")


def test_indexed_covers_types_with_tags_and_location() -> None:
    everything = {"field": "name", "exists": True}
    rule = definition(everything, mode="indexed")
    group = Resource.of({"id": "/subscriptions/s1/resourceGroups/g1", "location": "x", "tags": {}})
    rules = Resource.of(
        {"id": f"{ID.replace('Storage/storageAccounts', 'Network/networkSecurityGroups')}/securityRules/r"}
    )
    assert result(rule, group).cause == "not-indexed"
    assert result(rule, rules).cause == "not-indexed"
    assert result(rule, account()).state is ComplianceState.NON_COMPLIANT
    assert result(definition(everything), group).state is ComplianceState.NON_COMPLIANT


@pytest.mark.parametrize(
    ("attested", "state"),
    [
        ("", ComplianceState.UNKNOWN),
        ("Compliant", ComplianceState.COMPLIANT),
        ("noncompliant", ComplianceState.NON_COMPLIANT),
    ],
)
def test_manual_is_what_somebody_attested(attested: str, state: ComplianceState) -> None:
    rule = definition(TYPE, "manual", details={"defaultState": "Unknown"})
    assert result(rule, account(), policy.EvaluationContext(attestation=attested)).state is state


@pytest.mark.parametrize(
    "operator", ["match", "notMatch", "matchInsensitively", "notMatchInsensitively", "like"]
)
@pytest.mark.parametrize(
    "spelled", ["Microsoft.Storage/storageAccounts", "microsoft.storage/storageaccounts"]
)
@pytest.mark.parametrize("negated", [False, True])
def test_both_engines_see_how_a_type_is_spelled(operator: str, spelled: str, negated: bool) -> None:
    leaf = {"field": "type", operator: spelled}
    rule = definition({"not": leaf} if negated else leaf)
    body = {**account().body, "type": "Microsoft.Storage/storageAccounts"}
    exact = spelled == body["type"] or "Insensitively" in operator or operator == "like"
    holds = (exact != operator.startswith("not")) != negated
    wanted = ComplianceState.NON_COMPLIANT if holds else ComplianceState.NOT_APPLICABLE
    assert result(rule, Resource.of(body)).state is wanted


def test_manual_without_attestation_takes_the_default_state() -> None:
    assert (
        result(definition(TYPE, "manual", details={"defaultState": "Compliant"}), account()).state
        is ComplianceState.COMPLIANT
    )


@pytest.mark.parametrize("value", ["Compliant", "NonCompliant"])
def test_the_default_state_may_be_a_parameter(value: str) -> None:
    rule = definition(
        TYPE,
        "manual",
        details={"defaultState": "[parameters('state')]"},
        parameters={"state": {"type": "String", "defaultValue": "Unknown"}},
    )
    assert result(rule, account(), parameters={"state": value}).state is ComplianceState(value)


def test_a_parameter_that_the_default_state_names_must_exist() -> None:
    with pytest.raises(policy.PolicyError, match="nowhere") as refused:
        result(definition(TYPE, "manual", details={"defaultState": "[parameters('nowhere')]"}), account())
    assert refused.value.path == "policyRule.then.details.defaultState"


def test_bodies_are_taken_as_arm_has_them() -> None:
    body = account().body
    rule = definition(TYPE, "audit")
    assert rule.evaluate(body, policy.Snapshot([body])).state is ComplianceState.NON_COMPLIANT
    with pytest.raises(ValueError, match="'id'"):
        policy.Snapshot([{"name": "x"}])


def test_deny_action_is_no_finding_of_a_scan() -> None:
    ended = result(definition(TYPE, "denyAction", details={"actionNames": ["delete"]}), account())
    assert (ended.state, ended.cause, ended.matched) == (
        ComplianceState.NOT_APPLICABLE,
        "not-a-scan-effect",
        True,
    )


def test_a_rule_on_the_identity_of_a_request_is_unknown_in_a_scan() -> None:
    rule = definition({"value": "[requestContext().identity.idtyp]", "equals": "user"}, "deny")
    assert result(rule, account()).cause == "request-only"
    request = policy.EvaluationContext(request={"apiVersion": "2024-01-01", "identity": {"idtyp": "user"}})
    assert result(rule, account(), request).state is ComplianceState.NON_COMPLIANT


def test_a_resource_group_that_was_not_read_is_unknown_but_its_name_is_known() -> None:
    assert (
        result(definition({"value": "[resourceGroup().name]", "equals": "G1"}), account()).state
        is ComplianceState.NON_COMPLIANT
    )
    assert (
        result(definition({"value": "[resourceGroup().location]", "equals": "x"}), account()).cause
        == "not-collected"
    )
    group = Resource.of(
        {"id": "/subscriptions/s1/resourceGroups/g1", "location": "westeurope", "tags": {"a": "b"}}
    )
    rule = definition({"value": "[resourceGroup().tags['zz']]", "equals": ""})
    snapshot = policy.Snapshot([account(), group])
    assert rule.evaluate(account(), snapshot).state is ComplianceState.NON_COMPLIANT
    group = replace(group, body={**group.body, "tags": Unknown("object", reason="a parameter has no value")})
    assert rule.evaluate(account(), policy.Snapshot([account(), group])).state is ComplianceState.UNKNOWN


def test_reasons_name_the_deciding_leaf() -> None:
    ended = result(definition(OFF), account(supportsHttpsTrafficOnly=False))
    last = ended.reasons[-1]
    assert (last.path, last.subject, last.operator) == ("policyRule.if.allOf[1]", HTTPS, "notequals")
    assert (last.expected, last.actual) == (True, False)


RULES = "Microsoft.Network/networkSecurityGroups/securityRules[*]"


@pytest.mark.parametrize(
    ("rules", "members"),
    [
        (
            [("ssh", "Allow", ["*"]), ("web", "Deny", ["*"]), ("rdp", "Allow", ["*", "1.2.3.4"])],
            ("ssh", "rdp"),
        ),
        ([("web", "Deny", ["*"])], ()),
        ([(f"r{number}", "Allow", []) for number in range(12)], tuple(f"r{number}" for number in range(10))),
    ],
)
@pytest.mark.parametrize("path", [RULES, f"{RULES}.sourceAddressPrefixes[*]"])
def test_the_reason_of_a_count_names_the_members_that_it_took(
    rules: list[tuple[str, str, list[str]]], members: tuple[str, ...], path: str
) -> None:
    body = {
        "id": "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.Network/networkSecurityGroups/n",
        "name": "n",
        "type": "Microsoft.Network/networkSecurityGroups",
        "properties": {
            "securityRules": [
                {"name": name, "properties": {"access": access, "sourceAddressPrefixes": prefixes}}
                for name, access, prefixes in rules
            ]
        },
    }
    counted = {"count": {"field": path, "where": {"field": f"{RULES}.access", "equals": "Allow"}}, "less": 1}
    found = result(definition({"not": counted}), Resource.of(body)).reasons[-1]
    wanted = members if path == RULES else tuple(name for name in members if name in ("ssh", "rdp"))
    assert (found.members, found.subject) == (wanted, f"count({path})")


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"efect": "Deny"}, "did you mean 'effect'"),
        ({"effect": "Dney"}, "did you mean 'Deny'"),
        ({"effect": 5}, "is of type string"),
        ({}, "has no default"),
        ({"count": True, "list": []}, "is of type integer"),
        ({"list": "a"}, "is of type array"),
        ({"list": ["zz"]}, "is not an allowed value"),
    ],
)
def test_parameters_are_checked(given: dict[str, Any], fault: str) -> None:
    declared = {
        "effect": {"type": "String", "defaultValue": "Audit", "allowedValues": ["Audit", "Deny"]},
        "count": {"type": "Integer", "defaultValue": 1},
        "list": {"type": "Array", "allowedValues": ["a", "b"]},
    }
    rule = policy.Definition.parse(
        {"parameters": declared, "policyRule": {"if": TYPE, "then": {"effect": "[parameters('effect')]"}}}
    )
    with pytest.raises(policy.PolicyError) as caught:
        rule.bind(given)
    assert any(fault in error.message for error in caught.value.all)
    assert caught.value.stage == "compile"
    assert rule.bind({"LIST": ["A"]}).effect == "Audit"


def test_a_partial_binding_fails_only_where_it_is_read() -> None:
    declared = {"wanted": {"type": "String"}}
    condition = {"allOf": [TYPE, {"field": "kind", "equals": "[parameters('wanted')]"}]}
    rule = policy.Definition.parse(
        {"parameters": declared, "policyRule": {"if": condition, "then": {"effect": "audit"}}}
    )
    bound = rule.bind(partial=True)
    snapshot, vault = (
        policy.Snapshot([account()]),
        Resource.of({"id": ID.replace("Storage/storageAccounts", "KeyVault/vaults")}),
    )
    assert bound.evaluate(account(), snapshot, policy.EvaluationContext()).state is ComplianceState.ERROR
    assert bound.evaluate(vault, snapshot, policy.EvaluationContext()).state is ComplianceState.NOT_APPLICABLE
    assert rule.types == frozenset({"microsoft.storage/storageaccounts"})
    assert rule.applies_to("Microsoft.Storage/StorageAccounts")
    assert not rule.applies_to("microsoft.keyvault/vaults")


@pytest.mark.parametrize("call", ["field()", "field('name', 'type')", "Field('name', 'type')", "field(12)"])
def test_a_wrong_field_function_in_a_branch_not_taken_decides_nothing(call: str) -> None:
    found = definition(
        {"allOf": [TYPE, {"value": f"[if(equals(utcNow(), ''), {call}, 'x')]", "equals": "x"}]}
    ).evaluate(account(), policy.Snapshot([account()]))
    assert found.state is ComplianceState.NON_COMPLIANT
    assert [one.at for one in found.reasons] == [("type",), ()]
