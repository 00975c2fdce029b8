"""A planned resource is judged where nothing that is open decides: unknown values, and what Azure fills in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.azure_defaults import list_default_children, load_type_defaults
from nephoscope_policy.context import EvaluationContext
from nephoscope_policy.definition import Definition
from nephoscope_policy.model.resource import Planning, Resource
from nephoscope_policy.model.resource_id import ResourceId
from nephoscope_policy.snapshot import Snapshot

STORAGE = "Microsoft.Storage/storageAccounts"
GROUP = "Microsoft.Network/networkSecurityGroups"
TEXT = Unknown("string", "runtime", "Azure answers it", "t", filled=True)
ANY = Unknown("any", "parameter", "nobody gave it")


def rule(condition: dict[str, Any]) -> Definition:
    body = {
        "policyRule": {
            "if": {"allOf": [{"field": "type", "in": [STORAGE, GROUP]}, condition]},
            "then": {"effect": "audit"},
        }
    }
    return Definition.parse({"properties": {"mode": "All", **body}})


def planned(properties: Any, absent: frozenset[tuple[str, ...]] = frozenset()) -> Resource:
    type_ = GROUP if "securityRules" in properties else STORAGE
    id_ = f"/subscriptions/0/resourceGroups/g/providers/{type_}/n"
    body = {"id": id_, "name": "n", "type": type_, "properties": properties}
    return Resource(ResourceId.parse(id_), body, planned=Planning(absent))


def leaf(name: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": f"{STORAGE if name == 'minimumTlsVersion' else GROUP}/{name}", operator: value}


RULE = "securityRules[*]"
COUNT = {
    "count": {"field": f"{GROUP}/{RULE}", "where": leaf(f"{RULE}.access", "equals", "Allow")},
    "greater": 0,
}
ALL = frozenset({("properties",)})


def rules(*access: Any) -> dict[str, Any]:
    return {"securityRules": [{"name": "r", "properties": {"access": one}} for one in access]}


CASES = [
    ("known", leaf("minimumTlsVersion", "equals", "x"), {"minimumTlsVersion": "X"}, "NonCompliant", ""),
    ("absent is open", leaf("minimumTlsVersion", "equals", "x"), {}, "Unknown", "not-set"),
    ("absent is decided where the facts say so", leaf("minimumTlsVersion", "equals", "x"), None, "Compliant", ""),
    ("an unknown decides", leaf("minimumTlsVersion", "equals", "x"), {"minimumTlsVersion": ANY}, "Unknown", "known-at-deployment"),
    ("a filled unknown exists", leaf("minimumTlsVersion", "exists", True), {"minimumTlsVersion": TEXT}, "NonCompliant", ""),
    ("may be null", leaf("minimumTlsVersion", "exists", True), {"minimumTlsVersion": ANY}, "Unknown", "known-at-deployment"),
    ("a filled unknown is not empty", leaf("minimumTlsVersion", "equals", ""), {"minimumTlsVersion": TEXT}, "Compliant", ""),
    ("a list of unknowns exists", leaf("securityRules", "exists", True), {"securityRules": [ANY]}, "NonCompliant", ""),
    (
        "what is decided by another condition",
        {"anyOf": [leaf("minimumTlsVersion", "exists", True), {"field": "name", "equals": "n"}]},
        {"minimumTlsVersion": ANY},
        "NonCompliant",
        "",
    ),
    ("a count over known members", COUNT, rules("Deny", "Allow"), "NonCompliant", ""),
    ("a count that one member decides", COUNT, rules(ANY, "Allow"), "NonCompliant", ""),
    ("a count that an unknown decides", COUNT, rules(ANY, "Deny"), "Unknown", "known-at-deployment"),
    ("a member that is unknown", COUNT, {"securityRules": [ANY]}, "Unknown", "known-at-deployment"),
    ("an unknown list", COUNT, {"securityRules": ANY}, "Unknown", "known-at-deployment"),
    ("what a member lacks is absent", COUNT, {"securityRules": [{"name": "r", "properties": {}}]}, "Compliant", ""),
    ("an open member", COUNT, {"securityRules": [OpenObject({"name": "r"}, ANY)]}, "Unknown", "known-at-deployment"),
    ("every member", leaf(f"{RULE}.access", "equals", "Allow"), rules("Allow", ANY), "Unknown", "known-at-deployment"),
    ("a member that decides for all", leaf(f"{RULE}.access", "equals", "Allow"), rules(ANY, "Deny"), "Compliant", ""),
    (
        "field() of an unknown",
        {"value": f"[length(field('{STORAGE}/minimumTlsVersion'))]", "greater": 3},
        {"minimumTlsVersion": TEXT},
        "Unknown",
        "known-at-deployment",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "properties", "state", "cause"), [one[1:] for one in CASES], ids=[one[0] for one in CASES]
)
def test_an_open_value_is_unknown_only_where_it_decides(
    condition: dict[str, Any], properties: Any, state: str, cause: str
) -> None:
    resource = planned(properties or {}, ALL if properties is None else frozenset())
    snapshot = Snapshot([resource])
    definition = rule(condition)
    for result in (definition.evaluate(resource, snapshot), definition.explain(resource, snapshot)):
        assert (result.state.value, result.cause) == (state, cause or result.cause)
        assert cause == "" or result.cause == cause


def test_what_is_open_and_does_not_decide_needs_no_interpreter() -> None:
    known = leaf("minimumTlsVersion", "equals", "x")
    other = {"field": f"{STORAGE}/allowBlobPublicAccess", "equals": True}
    resource = planned({"minimumTlsVersion": "X", "allowBlobPublicAccess": ANY})
    snapshot = Snapshot([resource])
    for condition, state in (
        ({"anyOf": [other, known]}, "NonCompliant"),
        ({"allOf": [other, {"not": known}]}, "Compliant"),
    ):
        bound = rule(condition).bind({})
        assert bound.assess(resource, snapshot, EvaluationContext()).state.value == state
        assert not snapshot.get_view(resource).explanations


def test_what_is_open_is_explained_once() -> None:
    resource = planned({"minimumTlsVersion": ANY})
    snapshot, context = Snapshot([resource]), EvaluationContext()
    bound = rule(leaf("minimumTlsVersion", "equals", "x")).bind({})
    assert bound.assess(resource, snapshot, context) is bound.explain(resource, snapshot, context)
    later = EvaluationContext(now=context.now + timedelta(days=1))
    assert bound.explain(resource, snapshot, later) is not bound.explain(resource, snapshot, context)


def test_a_related_resource_that_is_known_in_part_answers_where_nothing_open_decides() -> None:
    definition = Definition.parse(
        {
            "properties": {
                "mode": "All",
                "policyRule": {
                    "if": {"field": "type", "equals": STORAGE},
                    "then": {
                        "effect": "auditIfNotExists",
                        "details": {
                            "type": GROUP,
                            "existenceCondition": leaf("securityRules", "exists", True),
                        },
                    },
                },
            }
        }
    )
    storage = planned({"minimumTlsVersion": ANY})
    for properties, state in (
        ({"securityRules": [], "x": ANY}, "Compliant"),
        ({"securityRules": None, "x": ANY}, "NonCompliant"),
        ({"securityRules": ANY}, "Unknown"),
    ):
        snapshot = Snapshot([storage, planned(properties)])
        found = definition.bind({}).assess(storage, snapshot, EvaluationContext())
        assert found.state.value == state
        assert bool(snapshot.get_view(storage).explanations) is (state == "Unknown")
        assert found == definition.bind({}).explain(storage, snapshot, EvaluationContext())


def test_a_reason_says_where_the_body_has_what_decides() -> None:
    resource = planned(rules("Deny", "Allow"))
    found = rule(COUNT).explain(resource, Snapshot([resource]))
    assert ("properties", "securityrules", 1) in [reason.at for reason in found.reasons]


def test_defaults_fill_what_a_body_lacks_and_nothing_else() -> None:
    body = {
        "properties": {"supportsHttpsTrafficOnly": False, "networkAcls": ANY, "encryption": {"services": {}}}
    }
    filled, absent = load_type_defaults("microsoft.storage/storageaccounts").fill(body)
    properties = filled["properties"]
    assert properties["supportsHttpsTrafficOnly"] is False
    assert properties["networkAcls"] is ANY
    assert properties["encryption"] == {"services": {}, "keySource": "Microsoft.Storage"}
    assert properties["allowBlobPublicAccess"] is False
    assert "allowBlobPublicAccess" not in body["properties"]
    assert ("properties", "allowsharedkeyaccess") in absent
    unknown = load_type_defaults("microsoft.storage/storageaccounts").fill({"properties": ANY})[0]
    assert unknown["properties"] is ANY


def test_a_child_that_azure_makes_shows_what_its_parent_sets() -> None:
    parent = {"properties": {"siteConfig": {"FtpsState": "Disabled"}}}
    id_ = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Web/sites/s"
    children = {
        child.body["id"]: child.body for child in list_default_children("microsoft.web/sites", id_, parent)
    }
    web = children[f"{id_}/config/web"]
    assert web["type"] == "Microsoft.Web/sites/config"
    assert web["properties"]["FtpsState"] == "Disabled"
    assert "ftpsState" not in web["properties"]
    assert web["properties"]["minTlsVersion"] == "1.2"
