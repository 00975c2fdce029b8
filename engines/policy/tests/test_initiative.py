"""Initiatives: members, groups, parameters and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope_policy import PolicyError
from nephoscope_policy.initiative import Initiative

PARAMETERS = {
    "effect": {"type": "String", "defaultValue": "Audit", "allowedValues": ["Audit", "Disabled"]},
    "list": {"type": "Array", "defaultValue": ["a"]},
    "need": {"type": "Integer"},
}


def parse(members: list[dict[str, Any]], **properties: Any) -> Initiative:
    body = {"displayName": "I", "parameters": PARAMETERS, "policyDefinitions": members, **properties}
    return Initiative.parse({"name": "i", "properties": body})


def member(**parameters: Any) -> dict[str, Any]:
    return {
        "policyDefinitionId": "/providers/Microsoft.Authorization/policyDefinitions/D",
        "policyDefinitionReferenceId": "r",
        "parameters": {name: {"value": value} for name, value in parameters.items()},
    }


PASSED = [
    ("a literal", "Audit", "Audit"),
    ("a parameter", "[parameters('effect')]", "Disabled"),
    ("a parameter in another case", "[Parameters('EFFECT')]", "Disabled"),
    (
        "an expression",
        "[if(equals(parameters('need'), 3), 'AuditIfNotExists', parameters('effect'))]",
        "AuditIfNotExists",
    ),
    ("membership", "[if(contains(parameters('list'), 'b'), 'yes', 'no')]", "yes"),
    ("an array of expressions", ["x", "[parameters('need')]"], ["x", 3]),
    ("an object of expressions", {"k": "[length(parameters('list'))]"}, {"k": 2}),
    ("an escaped bracket", "[[literal]", "[literal]"),
    ("a number", 7, 7),
    ("null", None, None),
]


@pytest.mark.parametrize(("note", "value", "want"), PASSED, ids=[note for note, _, _ in PASSED])
def test_parameters_pass_through(note: str, value: Any, want: Any) -> None:
    found = parse([member(p=value)])
    bound = found.bind(
        {"EFFECT": "disabled" if want == "disabled" else "Disabled", "list": ["a", "b"], "need": 3}
    )
    assert found.evaluate_member_parameters(found.members[0], bound) == {"p": want}


def test_defaults_and_missing_values() -> None:
    found = parse([member()])
    assert found.bind({"need": 1}) == {"effect": "Audit", "list": ["a"], "need": 1}
    for values, says in (
        ({}, "'need' has no default"),
        ({"need": "x"}, "type integer"),
        ({"need": 1, "efect": "Audit"}, "did you mean 'effect'"),
        ({"need": 1, "effect": "Deny"}, "not an allowed value"),
    ):
        with pytest.raises(PolicyError, match=says):
            found.bind(values)


def test_an_expression_that_fails_names_its_member() -> None:
    found = parse([member(p="[parameters('nothing')]")])
    with pytest.raises(PolicyError, match="no parameter 'nothing'") as raised:
        found.evaluate_member_parameters(found.members[0], found.bind({"need": 1}))
    assert raised.value.path == "properties.policyDefinitions[0].parameters.p"


def test_members_and_groups() -> None:
    body = {**member(), "groupNames": ["ns-1"], "definitionVersion": "2.*.*-preview"}
    found = parse(
        [body], policyDefinitionGroups=[{"name": "NS-1", "category": "Network", "additionalMetadataId": "/x"}]
    )
    (one,) = found.members
    assert (one.reference, one.groups, str(one.pin)) == ("r", ("ns-1",), "2.*.*-preview")
    assert (found.groups[0].name, found.groups[0].category, found.groups[0].metadata_id) == (
        "NS-1",
        "Network",
        "/x",
    )


FAULTS = [
    ("no id", [{}], {}, "properties.policyDefinitions[0].policyDefinitionId", "is missing"),
    (
        "two of a name",
        [member(), member()],
        {},
        "properties.policyDefinitions[1].policyDefinitionReferenceId",
        "two members",
    ),
    (
        "a group that is none",
        [{**member(), "groupNames": ["x"]}],
        {},
        "properties.policyDefinitions[0].groupNames",
        "not declared",
    ),
    (
        "a pin",
        [{**member(), "definitionVersion": "1"}],
        {},
        "properties.policyDefinitions[0].definitionVersion",
        "version pin",
    ),
    (
        "an expression",
        [member(p="[concat(]")],
        {},
        "properties.policyDefinitions[0].parameters.p.value",
        "does not parse",
    ),
    ("members are no list", {"a": 1}, {}, "properties.policyDefinitions", "expected an array"),
    (
        "a parameter type",
        [],
        {"parameters": {"x": {"type": "Strin"}}},
        "properties.parameters.x.type",
        "did you mean 'string'",
    ),
    (
        "a group without a name",
        [],
        {"policyDefinitionGroups": [{}]},
        "properties.policyDefinitionGroups[0].name",
        "is missing",
    ),
]


@pytest.mark.parametrize(("note", "members", "extra", "path", "says"), FAULTS, ids=[row[0] for row in FAULTS])
def test_faults(note: str, members: Any, extra: dict, path: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says) as raised:
        parse(members, **extra)
    assert raised.value.path == path


def test_an_empty_list_of_allowed_values_allows_anything() -> None:
    found = parse([], parameters={"x": {"type": "String", "allowedValues": []}})
    assert found.bind({"x": "any"}) == {"x": "any"}
