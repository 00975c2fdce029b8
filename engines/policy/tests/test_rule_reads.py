"""What a rule reads of the body that it judges, as a table: anything else may change without its verdict changing."""

from __future__ import annotations

from typing import Any

import pytest

from nephoscope_policy.aliases import Aliases
from nephoscope_policy.definition import Definition
from nephoscope_policy.read_paths import Reads

ALIASES = Aliases.of(
    {
        "Contoso.App/sites/a": "properties.a",
        "Contoso.App/sites/b[*]": "properties.b[*]",
        "Contoso.App/sites/b[*].c": "properties.b[*].c",
    }
)
SITE = "contoso.app/sites"
GROUP = "microsoft.resources/subscriptions/resourcegroups"


def reads(
    condition: Any, *, type_: str = SITE, then: Any = None, mode: str = "All", **parameters: Any
) -> Reads:
    declared = {name: {"type": "String"} for name in parameters}
    rule = {"if": condition, "then": then or {"effect": "audit"}}
    parsed = Definition.parse({"properties": {"mode": mode, "parameters": declared, "policyRule": rule}})
    return parsed.bind(parameters).list_reads(type_, ALIASES)


def field(name: str, expected: Any = "x") -> dict[str, Any]:
    return {"field": name, "equals": expected}


LOOKED_UP = {
    "effect": "auditIfNotExists",
    "details": {
        "type": "Contoso.App/plans",
        "name": "[field('kind')]",
        "existenceCondition": field("tags.t"),
    },
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (field("type"), set()),
        (field("Contoso.App/sites/a"), {("properties", "a")}),
        (field("Contoso.App/sites/b[*].c"), {("properties", "b")}),
        (field("tags['A b']"), {("tags", "a b")}),
        ({"not": {"anyOf": [field("location"), field("kind")]}}, {("location",), ("kind",)}),
        ({"value": "[field('tags.x')]", "equals": "y"}, {("tags", "x")}),
        (field("kind", "[field('tags')]"), {("kind",), ("tags",)}),
        ({"field": "[concat('tags[', parameters('tag'), ']')]", "exists": True}, {("tags", "owner")}),
        ({"value": "[field(concat('tags.', parameters('tag')))]", "equals": "y"}, {("tags", "owner")}),
        (
            {"count": {"field": "Contoso.App/sites/b[*]", "where": field("tags.q")}, "greater": 0},
            {("properties", "b"), ("tags", "q")},
        ),
        (
            {
                "count": {"value": ["k"], "name": "n", "where": {"value": "[field('kind')]", "equals": "[current('n')]"}},
                "greater": 0,
            },
            {("kind",)},
        ),
    ],
)  # fmt: skip
def test_paths_of_a_condition(condition: Any, expected: set[tuple[str, ...]]) -> None:
    found = reads(condition, tag="Owner")
    assert not found.everything
    assert found.paths == expected


@pytest.mark.parametrize(
    "condition",
    [
        {"value": "[field(concat('tags.', field('kind')))]", "equals": "y"},
        {"field": "[concat('tags.', field('kind'))]", "exists": True},
        {
            "count": {"value": ["x"], "name": "n", "where": {"field": "[concat('tags.', current('n'))]", "exists": True}},
            "greater": 0,
        },
    ],
)  # fmt: skip
def test_a_name_that_the_body_computes_reads_everything(condition: Any) -> None:
    assert reads(condition).everything


def test_details_read_the_judged_resource_by_functions_alone() -> None:
    assert reads(field("type"), then=LOOKED_UP).paths == {("kind",)}


def test_what_may_look_itself_up_reads_everything() -> None:
    assert reads(field("type"), then=LOOKED_UP, type_="contoso.app/plans").everything


def test_a_container_that_a_function_returns_is_read_whole() -> None:
    condition = {"value": "[resourceGroup().tags.x]", "equals": "y"}
    assert reads(condition, type_=GROUP).everything
    assert not reads(condition).paths


def test_mode_indexed_reads_the_location() -> None:
    assert reads(field("kind"), mode="Indexed").paths == {("kind",), ("location",)}


def test_a_disabled_rule_reads_nothing() -> None:
    assert not reads(field("kind"), then={"effect": "disabled"}).paths


@pytest.mark.parametrize(
    ("changed", "seen"),
    [
        (("properties", "a"), True),
        (("properties", "a", "deeper"), True),
        (("properties",), True),
        ((), True),
        (("properties", "ab"), False),
        (("tags", "a"), False),
    ],
)
def test_a_change_on_above_or_under_a_path_is_seen(changed: tuple[str, ...], seen: bool) -> None:
    assert Reads.of([("properties", "a")]).overlaps(changed) is seen
