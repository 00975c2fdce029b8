"""Expansion as a whole: plain templates, ids, loops, children, unknowns and the places of failures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from nephoscope_policy.arm.template import (
    DeploymentScope,
    TemplateDocument,
    TemplateError,
    TemplateExpansion,
    Unknown,
    expand_template,
    find_unknown,
)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
GROUP = "/subscriptions/s/resourceGroups/g"
STORAGE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts"


def planned(template: dict[str, Any], parameters: dict[str, Any] | None = None) -> TemplateExpansion:
    given = None
    if parameters is not None:
        values = {name: {"value": value} for name, value in parameters.items()}
        given = TemplateDocument.parse(json.dumps({"parameters": values}), "main.parameters.json")
    document = TemplateDocument.parse(json.dumps({"$schema": SCHEMA, **template}, indent=2), "main.json")
    return expand_template(
        document, given, scope=DeploymentScope(subscription_id="s", resource_group="g", location="westeurope")
    )


def account(**members: Any) -> dict[str, Any]:
    return {"type": "Microsoft.Storage/storageAccounts", "apiVersion": "2023-01-01", "name": "a", **members}


def test_values_of_parameters_and_variables_reach_the_body() -> None:
    template = {
        "parameters": {"name": {"type": "string"}, "https": {"type": "bool", "defaultValue": True}},
        "variables": {"full": "[concat(parameters('name'), 'store')]"},
        "resources": [
            account(
                name="[variables('full')]",
                location="[resourceGroup().location]",
                properties={"supportsHttpsTrafficOnly": "[parameters('https')]"},
            )
        ],
    }
    (resource,) = planned(template, {"name": "my"}).resources
    assert resource.id == f"{STORAGE}/mystore"
    assert resource.body == {
        "id": f"{STORAGE}/mystore",
        "name": "mystore",
        "type": "Microsoft.Storage/storageAccounts",
        "location": "westeurope",
        "properties": {"supportsHttpsTrafficOnly": True},
    }


def test_a_name_without_a_value_still_links_children_and_references() -> None:
    template = {
        "parameters": {"name": {"type": "string"}},
        "resources": [
            account(name="[parameters('name')]", properties={"minimumTlsVersion": "TLS1_2"}),
            {
                "type": "Microsoft.Storage/storageAccounts/blobServices",
                "name": "[concat(parameters('name'), '/default')]",
                "properties": {
                    "seen": "[reference(resourceId('Microsoft.Storage/storageAccounts', parameters('name'))).minimumTlsVersion]"
                },
            },
        ],
    }
    parent, child = planned(template).resources
    assert not parent.is_id_known
    assert child.container == parent.id
    assert child.body["name"] == "default"
    assert child.body["properties"] == {"seen": "TLS1_2"}
    assert isinstance(parent.body["name"], Unknown)


def test_loops_make_resources_and_properties() -> None:
    template = {
        "resources": [
            account(
                name="[concat('a', copyIndex(1))]",
                copy={"name": "accounts", "count": 2},
                properties={
                    "copy": [
                        {
                            "name": "rules",
                            "count": 2,
                            "input": "[add(mul(copyIndex(), 10), copyIndex('rules'))]",
                        }
                    ]
                },
            )
        ]
    }
    found = [(one.name, one.body["properties"]["rules"]) for one in planned(template).resources]
    assert found == [("a1", [0, 1]), ("a2", [10, 11])]


def test_a_nested_child_and_an_extension_have_full_ids() -> None:
    template = {
        "resources": [
            account(
                resources=[
                    {"type": "blobServices", "name": "default"},
                    {"type": "providers/locks", "name": "Microsoft.Authorization/keep"},
                ]
            ),
            {
                "type": "Microsoft.Authorization/locks",
                "name": "own",
                "scope": "Microsoft.Storage/storageAccounts/a",
                "dependsOn": ["Microsoft.Storage/storageAccounts/a"],
            },
        ]
    }
    _, service, lock, own = planned(template).resources
    assert service.id == f"{STORAGE}/a/blobServices/default"
    assert (lock.id, lock.type) == (
        f"{STORAGE}/a/providers/Microsoft.Authorization/locks/keep",
        "Microsoft.Authorization/locks",
    )
    assert own.id == f"{STORAGE}/a/providers/Microsoft.Authorization/locks/own"
    assert own.depends_on == (f"{STORAGE}/a",)


def test_a_failure_has_a_place_and_stops_nothing_else() -> None:
    template = {"resources": [account(properties={"bad": "[nothing(1)]", "good": "[add(1, 1)]"})]}
    found = planned(template)
    (problem,) = found.errors
    assert str(problem.place) == "main.json:9:18 at resources[0].properties.bad"
    assert "the function is not known" in problem.message
    assert found.resources[0].body["properties"]["good"] == 2


def test_what_is_no_template_is_refused_with_its_place() -> None:
    with pytest.raises(TemplateError, match=r"x.json:1:1: it is not a deployment template"):
        expand_template(TemplateDocument.parse("{}", "x.json"))
    with pytest.raises(TemplateError, match=r"x.json:2:3: not JSON: expected a JSON value"):
        TemplateDocument.parse('{"a": 1, "b":\n  ?}', "x.json")


@pytest.fixture
def shallow() -> Iterator[None]:
    """The interpreter's usual bound of calls, which other tests of the process may have raised."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


@pytest.mark.usefixtures("shallow")
def test_what_is_nested_too_deeply_is_reported() -> None:
    chain = {f"v{place}": f"[variables('v{place + 1}')]" for place in range(1000)}
    template = {
        "variables": {**chain, "v1000": 1},
        "resources": [account(properties={"x": "[variables('v0')]", "y": 1})],
    }
    found = planned(template)
    assert "nested too deeply" in found.errors[0].message
    assert isinstance(found.resources[0].body["properties"]["x"], Unknown)
    assert found.resources[0].body["properties"]["y"] == 1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds that are met soon."""
    for name, value in (("MAX_RESOURCES", 100), ("MAX_TURNS", 1000), ("MAX_WEIGHT", 10_000)):
        monkeypatch.setattr(f"nephoscope_policy.arm.template.expansion_state.{name}", value)


@pytest.mark.usefixtures("small")
def test_the_number_of_resources_is_bounded() -> None:
    inner = {"type": "A.B/c", "name": "[concat('x', copyIndex())]", "copy": {"name": "l", "count": 30}}
    module = {
        "type": "Microsoft.Resources/deployments",
        "name": "[concat('m', copyIndex())]",
        "copy": {"name": "l", "count": 5},
        "properties": {"expressionEvaluationOptions": {"scope": "inner"}, "template": {"resources": [inner]}},
    }
    found = planned({"resources": [module]})
    assert len(found.resources) == 100
    assert [one.message for one in found.errors] == ["the expansion stops here: it has 100 resources"]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            {
                "copy": [
                    {"name": "a", "count": 30, "input": {"copy": [{"name": "b", "count": 90, "input": 1}]}}
                ]
            },
            "all loops together have too many turns: this one is not unrolled",
        ),
        ({"x": "[padLeft('x', 9000)]", "y": "[padLeft('y', 9000)]"}, "become too large together"),
        ({"x": "[range(0, 300)]"}, "become too large together"),
        ({"x": "[json(concat('{\"a\": [', join(range(0, 160), ','), ']}'))]"}, "become too large together"),
    ],
)
def test_what_loops_and_values_make_is_bounded(properties: Any, message: str) -> None:
    found = planned({"resources": [account(properties=properties)]})
    assert message in found.errors[0].message


def test_values_that_share_their_parts_are_bounded() -> None:
    doubled = {
        f"v{place}": {"a": f"[variables('v{place - 1}')]", "b": f"[variables('v{place - 1}')]"}
        for place in range(1, 60)
    }
    properties = {
        "x": "[variables('v59')]",
        "y": "[equals(variables('v15'), variables('v16'))]",
        "z": "[variables('v3').a.b.a]",
    }
    found = planned({"variables": {"v0": [1], **doubled}, "resources": [account(properties=properties)]})
    assert "1,000,000 parts" in found.errors[0].message
    assert find_unknown(found.resources[0].body["properties"]["x"]) is not None
    assert found.resources[0].body["properties"]["y"] is False
    assert found.resources[0].body["properties"]["z"] == [1]


def test_resources_that_repeat_one_another_are_bounded() -> None:
    def read(place: int) -> dict[str, Any]:
        before = f"[reference('r{place - 1}')]" if place else 1
        return {"type": "A.B/c", "name": f"r{place}", "properties": {"a": before, "b": before}}

    found = planned({"resources": [read(place) for place in range(40)]})
    assert "1,000,000 parts" in found.errors[0].message
    assert len(found.resources) == 40
