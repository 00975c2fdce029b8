"""The tables of tests/cases/policy: operators, fields, counts and errors, judged by both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy.model.resource import Resource

CASES = Path(__file__).resolve().parent / "cases" / "policy"
ALIASES = policy.Aliases.of(
    {
        "Contoso.Test/things/size": "properties.size",
        "Contoso.Test/things/rules[*]": "properties.rules[*]",
        "Contoso.Test/things/rules[*].name": "properties.rules[*].name",
        "Contoso.Test/things/rules[*].port": "properties.rules[*].properties.port",
        "Contoso.Test/things/rules[*].names[*]": "properties.rules[*].properties.names[*]",
    }
)
PARAMETERS = {
    "p": {"type": "String", "defaultValue": "env"},
    "list": {"type": "Array", "defaultValue": ["a", "b", "c"]},
}


def table(name: str) -> list[Any]:
    cases = json.loads((CASES / f"{name}.json").read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["note"]) for case in cases]


def assess(condition: Any, body: dict[str, Any]) -> bool:
    """Whether a condition holds for a thing, by both engines, also under a double negation."""
    resource = Resource.of(
        {
            "name": "one",
            **body,
            "id": "/subscriptions/s/resourceGroups/g/providers/Contoso.Test/things/one",
            "type": "Contoso.Test/things",
        }
    )
    snapshot, ends = policy.Snapshot([resource], ALIASES), set()
    for rule in (condition, {"not": {"not": condition}}):
        document = {"parameters": PARAMETERS, "policyRule": {"if": rule, "then": {"effect": "deny"}}}
        definition = policy.Definition.parse(document)
        for result in (definition.evaluate(resource, snapshot), definition.explain(resource, snapshot)):
            assert result.state.value in ("Compliant", "NotApplicable", "NonCompliant")
            assert result.reasons
            ends.add(result.matched)
    assert len(ends) == 1
    return ends.pop()


@pytest.mark.parametrize("case", table("operators"))
def test_operator(case: dict[str, Any]) -> None:
    condition = {**case["if"], "field": "Contoso.Test/things/size"}
    properties = {} if case.get("absent") else {"size": case["size"]}
    assert assess(condition, {"properties": properties}) is case["want"]


@pytest.mark.parametrize("case", [*table("fields"), *table("counts")])
def test_condition(case: dict[str, Any]) -> None:
    assert assess(case["if"], case["body"]) is case["want"]


@pytest.mark.parametrize("case", table("errors"))
def test_error(case: dict[str, Any]) -> None:
    with pytest.raises(policy.PolicyError) as caught:
        policy.Definition.parse(case["document"]).check(ALIASES)
    assert (caught.value.stage, caught.value.path) == (case["stage"], case["path"])
    assert case["message"] in caught.value.message


def test_all_errors_of_a_document_are_told() -> None:
    document = {
        "policyRule": {
            "if": {"allOf": [{"field": "type", "equal": 1}, {"valu": 1, "equals": 2}]},
            "then": {"effect": 5},
        }
    }
    with pytest.raises(policy.PolicyError) as caught:
        policy.Definition.parse(document)
    assert {error.path for error in caught.value.all} >= {
        "policyRule.if.allOf[0].equal",
        "policyRule.if.allOf[1].valu",
        "policyRule.then.effect",
    }


@pytest.mark.parametrize("text", ['{"a": 1, "A": 2}', "{", "[1,", "\ufeff{]", '"text"', "[]", "nul"])
def test_text_that_is_no_definition(text: str) -> None:
    with pytest.raises(policy.PolicyError) as caught:
        policy.Definition.parse(text)
    assert caught.value.path
    assert caught.value.stage == "parse"


@pytest.mark.parametrize("place", ["if", "existenceCondition"])
@pytest.mark.parametrize(("value", "fits"), [("true", True), ("FALSE", True), ("yes", False), ("", False)])
def test_a_parameter_after_exists_is_true_or_false(place: str, value: str, fits: bool) -> None:
    asked, plain = {"field": "kind", "exists": "[parameters('p')]"}, {"field": "kind", "equals": "x"}
    details = {"type": "Contoso.Test/things", "existenceCondition": plain if place == "if" else asked}
    rule = {
        "if": asked if place == "if" else plain,
        "then": {"effect": "auditIfNotExists", "details": details},
    }
    definition = policy.Definition.parse({"parameters": {"p": {"type": "String"}}, "policyRule": rule})
    if fits:
        definition.bind({"p": value})
        return
    with pytest.raises(policy.PolicyError, match="'exists' takes true or false") as caught:
        definition.bind({"p": value})
    assert caught.value.path.endswith(f"{place}.exists")


@pytest.mark.parametrize(
    ("then", "lacks"),
    [
        ({"effect": "modify"}, "needs 'operations'"),
        ({"effect": "Modify", "details": {"operations": []}}, "needs 'operations'"),
        ({"effect": "[parameters('p')]"}, "needs 'operations'"),
        ({"effect": "deployIfNotExists", "details": {"type": "a/b"}}, "needs a 'deployment'"),
        ({"effect": "auditIfNotExists", "details": {"type": "a/b"}}, ""),
        ({"effect": "modify", "details": {"operations": [{"operation": "remove", "field": "tags.x"}]}}, ""),
        ({"effect": "DeployIfNotExists", "details": {"type": "a/b", "Deployment": {}}}, ""),
    ],
)
def test_details_that_a_definition_must_have_to_be_taken(then: dict[str, Any], lacks: str) -> None:
    document = {
        "properties": {
            "parameters": {"p": {"type": "String", "defaultValue": "Modify"}},
            "policyRule": {"if": {"field": "type", "equals": "x"}, "then": then},
        }
    }
    definition = policy.Definition.parse(document)
    if not lacks:
        definition.require_details()
        return
    with pytest.raises(policy.PolicyError, match=lacks) as caught:
        definition.require_details()
    assert caught.value.path == "properties.policyRule.then.details"
