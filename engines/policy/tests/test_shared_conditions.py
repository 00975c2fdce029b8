"""Large conditions are judged once per resource, and only equal ones share an answer."""

from __future__ import annotations

from typing import Any

import pytest

import nephoscope_policy as policy
from nephoscope_policy import predicates
from nephoscope_policy.model.resource import Resource

NAMES = [f"name{i}" for i in range(8)]
DECLARED = {"last": {"type": "String", "defaultValue": "one"}}


def rule(names: list[Any], effect: str = "audit") -> policy.Definition:
    condition = {"anyOf": [{"field": "name", "equals": name} for name in names]}
    return policy.Definition.parse(
        {"parameters": DECLARED, "policyRule": {"if": condition, "then": {"effect": effect}}}
    )


@pytest.fixture
def one() -> Resource:
    return Resource.of({"id": "/subscriptions/s/resourceGroups/g/providers/Contoso.Test/things/one"})


def test_equal_conditions_share_an_answer(one: Resource, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    plain = predicates.make_predicate

    def spy(operator: str, right: Any, switches: Any) -> Any:
        test = plain(operator, right, switches)
        return lambda left: bool(asked.append(right)) or test(left)

    monkeypatch.setattr("nephoscope_policy.compiler.make_predicate", spy)
    snapshot = policy.Snapshot([one])
    first, second = rule(NAMES), rule(NAMES, "deny")
    assert not first.evaluate(one, snapshot).matched
    assert len(asked) == len(NAMES)
    assert not second.evaluate(one, snapshot).matched
    assert len(asked) == len(NAMES)


def test_other_values_and_parameters_do_not(one: Resource) -> None:
    snapshot = policy.Snapshot([one])
    assert not rule(NAMES).evaluate(one, snapshot).matched
    assert rule([*NAMES, "ONE"]).evaluate(one, snapshot).matched
    by_parameter = rule([*NAMES, "[parameters('last')]"])
    assert by_parameter.evaluate(one, snapshot).matched
    assert not by_parameter.evaluate(one, snapshot, {"last": "two"}).matched
    assert by_parameter.evaluate(one, snapshot).matched


def test_resources_do_not_share(one: Resource) -> None:
    other = Resource.of({"id": f"{one.id.key[:-3]}two"})
    snapshot = policy.Snapshot([one, other])
    definition = rule([*NAMES, "one"])
    assert [definition.evaluate(each, snapshot).matched for each in (one, other, one)] == [True, False, True]
