"""The tables of tests/cases/policy: operators, fields, counts and errors, judged by both engines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nephoscope import policy
from nephoscope.model.resource import Resource

CASES = Path(__file__).resolve().parents[1] / "cases" / "policy"
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


def judge(condition: Any, body: dict[str, Any]) -> bool:
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
    assert judge(condition, {"properties": properties}) is case["want"]


@pytest.mark.parametrize("case", [*table("fields"), *table("counts")])
def test_condition(case: dict[str, Any]) -> None:
    assert judge(case["if"], case["body"]) is case["want"]


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
