"""Children that always exist in Azure: not to find one means that it was not read, whatever the manifest claims."""

from __future__ import annotations

from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.azure_facts import list_constant_names, load_always_present, load_always_stated
from nephoscope_policy.model.coverage import Coverage
from nephoscope_policy.model.resource import Resource
from nephoscope_policy.model.state import ComplianceState

SUB = "/subscriptions/11111111-1111-1111-1111-111111111111"
GROUP = f"{SUB}/resourceGroups/g"
SITE = "Microsoft.Web/sites"
DECLARED = Coverage({"": frozenset({"*"})}, declared=True)

CHILDREN = [
    (parent, type_, name)
    for group in load_always_present()
    for parent in group.parents
    for type_, names in group.list_types(parent).items()
    for name in (*names, "")
]


def resource_id(type_: str) -> str:
    """An id of a resource of a type, in a group but for a subscription."""
    if type_ == "Microsoft.Resources/subscriptions":
        return SUB
    namespace, *kinds = type_.split("/")
    return f"{GROUP}/providers/{namespace}" + "".join(f"/{kind}/n" for kind in kinds)


def child_id(parent: str, type_: str, name: str) -> str:
    last = type_.rsplit("/", 1)[-1]
    if type_.startswith(f"{parent}/"):
        return f"{resource_id(parent)}/{last}/{name}"
    return f"{resource_id(parent)}/providers/{type_}/{name}"


def assess(parent: str, details: dict[str, Any], more: list[str], coverage: Coverage | None) -> Any:
    subject = Resource.of({"id": resource_id(parent), "type": parent, "properties": {}})
    rest = [Resource.of({"id": id_, "properties": {}}) for id_ in more]
    snapshot = policy.Snapshot([subject, *rest], coverage=coverage)
    condition = {"value": "[field('name')]", "equals": "nobody has this name"}
    then = {
        "effect": "auditIfNotExists",
        "details": {"existenceCondition": condition, **details},
    }
    rule = {"if": {"field": "type", "equals": parent}, "then": then}
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    found = definition.evaluate(subject, snapshot)
    assert found == definition.explain(subject, snapshot)
    assert found.reasons
    return found


@pytest.mark.parametrize(("parent", "type_", "name"), CHILDREN)
def test_absent_means_not_read(parent: str, type_: str, name: str) -> None:
    details = {"type": type_, **({"name": name} if name else {})}
    found = assess(parent, details, [], DECLARED)
    assert (found.state, found.cause) == (ComplianceState.UNKNOWN, "not-collected")
    assert type_.lower() in found.description
    assert resource_id(parent).lower() in found.description
    assert name.lower() in found.description
    read = [name] if name else sorted(list_constant_names(parent.lower(), type_.lower())) or ["x"]
    there = [child_id(parent, type_, one) for one in read]
    assert assess(parent, details, there, DECLARED).state is ComplianceState.NON_COMPLIANT
    assert assess(parent, details, [], None).state is ComplianceState.NON_COMPLIANT, (
        "a world that somebody supposes"
    )


@pytest.mark.parametrize(
    ("type_", "read", "unread"),
    [
        ("config", ["authsettings"], "web"),
        ("config", ["logs", "appsettings"], "web"),
        ("basicPublishingCredentialsPolicies", ["ftp"], "scm"),
        ("config", ["web"], ""),
        ("basicPublishingCredentialsPolicies", ["ftp", "SCM"], ""),
    ],
)
def test_a_list_without_what_it_always_holds_was_not_read(type_: str, read: list[str], unread: str) -> None:
    kind = f"{SITE}/{type_}"
    found = assess(SITE, {"type": kind}, [child_id(SITE, kind, name) for name in read], DECLARED)
    assert found.state is (ComplianceState.UNKNOWN if unread else ComplianceState.NON_COMPLIANT)
    assert (f"'{unread}' of" in found.description) == bool(unread)


@pytest.mark.parametrize(
    ("parent", "details"),
    [
        ("Microsoft.Sql/servers", {"type": "Microsoft.Sql/servers/firewallRules"}),
        ("Microsoft.Sql/servers", {"type": "Microsoft.Sql/servers/auditingSettings", "name": "another"}),
        ("Microsoft.Sql/servers", {"type": "Microsoft.Sql/servers/databases/transparentDataEncryption"}),
        (SITE, {"type": "Microsoft.Insights/diagnosticSettings"}),
        (SITE, {"type": "Microsoft.Web/sites/config", "name": "of nobody"}),
        (SITE, {"type": "Microsoft.Sql/servers/auditingSettings", "name": "default"}),
        ("Microsoft.Resources/subscriptions", {"type": "Microsoft.Security/securityContacts"}),
    ],
)
def test_what_may_be_absent_is_missed(parent: str, details: dict[str, Any]) -> None:
    assert assess(parent, details, [], DECLARED).state is ComplianceState.NON_COMPLIANT


def test_another_name_does_not_stand_for_the_one_that_was_not_read() -> None:
    details = {"type": "Microsoft.Web/sites/config", "name": "web"}
    found = assess(SITE, details, [child_id(SITE, details["type"], "logs")], DECLARED)
    assert found.state is ComplianceState.UNKNOWN


def test_a_plan_of_the_subscription_is_looked_up_from_a_resource() -> None:
    details = {
        "type": "Microsoft.Security/pricings",
        "name": "StorageAccounts",
        "existenceScope": "subscription",
    }
    found = assess("Microsoft.Storage/storageAccounts", details, [], DECLARED)
    assert (found.state, SUB in found.description) == (ComplianceState.UNKNOWN, True)


ROLE = {
    "type": "CustomRole",
    "permissions": [{"actions": ["*"], "notActions": []}],
    "assignableScopes": [SUB],
}
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
FIELDS = {
    "Microsoft.Authorization/roleDefinitions/type": "properties.type",
    "Microsoft.Authorization/roleDefinitions/permissions[*].actions[*]": "properties.permissions",
    "Microsoft.Authorization/roleDefinitions/assignableScopes[*]": "properties.assignableScopes",
    f"{ASSIGNMENT}/roleDefinitionId": "properties.roleDefinitionId",
    "Microsoft.GuestConfiguration/guestConfigurationAssignments/parameterHash": "properties.parameterHash",
    "Microsoft.Network/virtualNetworks/subnets[*]": "properties.subnets",
    "Microsoft.Network/networkSecurityGroups/securityRules[*]": "properties.securityRules",
}


def test_every_field_that_is_always_stated_is_tried() -> None:
    stated = {
        f"{type_}/{path}" for group in load_always_stated() for type_ in group.types for path in group.paths
    }
    assert stated == {"/".join((*alias.split("/")[:2], path)) for alias, path in FIELDS.items()}


@pytest.mark.parametrize(("alias", "path"), FIELDS.items())
def test_a_record_without_a_field_that_azure_always_has_was_not_read(alias: str, path: str) -> None:
    type_ = "/".join(alias.split("/")[:2])
    condition = (
        {"count": {"field": alias}, "greater": 0} if "[*]" in alias else {"field": alias, "equals": "x"}
    )
    rule = {"if": {"allOf": [{"field": "type", "equals": type_}, condition]}, "then": {"effect": "audit"}}
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    subject = Resource.of(
        {"id": f"{SUB}/providers/{type_}/x", "type": type_, "properties": {"roleName": "r"}}
    )
    snapshot = policy.Snapshot([subject], coverage=DECLARED)
    found = definition.evaluate(subject, snapshot)
    assert found == definition.explain(subject, snapshot)
    assert (found.state, found.cause) == (ComplianceState.UNKNOWN, "not-collected")
    assert f"{path.lower()} of" in found.description
    assert "Azure always has it" in found.description


@pytest.mark.parametrize(("alias", "path"), FIELDS.items())
def test_empty_properties_leave_the_same_out_unless_they_are_written_so_by_hand(
    alias: str, path: str
) -> None:
    type_ = "/".join(alias.split("/")[:2])
    condition = (
        {"count": {"field": alias}, "greater": 0} if "[*]" in alias else {"field": alias, "equals": "x"}
    )
    rule = {"if": {"allOf": [{"field": "type", "equals": type_}, condition]}, "then": {"effect": "audit"}}
    subject = Resource.of({"id": f"{SUB}/providers/{type_}/x", "type": type_, "properties": {}})
    found = policy.Definition.parse({"policyRule": rule, "mode": "All"}).evaluate(
        subject, policy.Snapshot([subject], coverage=DECLARED)
    )
    by_hand = type_.startswith("Microsoft.Network/")
    assert found.state is (ComplianceState.COMPLIANT if by_hand else ComplianceState.UNKNOWN), path


@pytest.mark.parametrize("left", ["", "type", "permissions", "assignableScopes"])
def test_a_projected_role_is_not_compliant(left: str) -> None:
    role = "Microsoft.Authorization/roleDefinitions"
    properties = {name: value for name, value in ROLE.items() if name != left}
    subject = Resource.of({"id": f"{SUB}/providers/{role}/x", "type": role, "properties": properties})
    rule = {
        "if": {"allOf": [
            {"field": f"{role}/type", "equals": "CustomRole"},
            {"count": {"field": f"{role}/permissions[*].actions[*]",
                       "where": {"field": f"{role}/permissions[*].actions[*]", "equals": "*"}}, "greater": 0},
            {"count": {"field": f"{role}/assignableScopes[*]"}, "greater": 0},
        ]},
        "then": {"effect": "audit"},
    }  # fmt: skip
    definition = policy.Definition.parse({"policyRule": rule, "mode": "All"})
    found = definition.evaluate(subject, policy.Snapshot([subject], coverage=DECLARED))
    assert found.state is (ComplianceState.UNKNOWN if left else ComplianceState.NON_COMPLIANT)
    properties["type"] = "BuiltInRole"
    certain = definition.evaluate(subject, policy.Snapshot([subject], coverage=DECLARED))
    assert certain.state is ComplianceState.COMPLIANT
