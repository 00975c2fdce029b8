"""Where a value comes from: the place that decides it, through parameters, variables, loops, choices and modules."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nephoscope_policy.arm.template import DeploymentScope, TemplateDocument, expand_template
from nephoscope_policy.arm.template.document import format_path

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def traced(properties: Any, steps: tuple[str | int, ...], **sections: Any) -> list[str]:
    """The places of a part of the only storage account's properties."""
    resource = {"type": "Microsoft.Storage/storageAccounts", "name": "a", "properties": properties}
    template = {"$schema": SCHEMA, "resources": [resource], **sections}
    given = {"parameters": {"given": {"value": {"tls": "1.2", "rules": [{"port": 22}]}}}}
    expansion = expand_template(
        TemplateDocument.parse(json.dumps(template), "main.json"),
        TemplateDocument.parse(json.dumps(given), "given.json"),
        scope=DeploymentScope(),
    )
    found = next(one for one in expansion.resources if one.type.endswith("storageAccounts"))
    return [f"{one.document.file} {format_path(one.path)}" for one in found.trace("properties", *steps)][1:]


HERE = "main.json resources[0].properties"


@pytest.mark.parametrize(
    ("properties", "steps", "expected"),
    [
        ({"a": {"b": 1}}, ("a", "b"), [f"{HERE}.a.b"]),
        ({"A": {"b": 1}}, ("a", "c"), [f"{HERE}.A"]),
        ({"a": "[parameters('given').tls]"}, ("a",), [f"{HERE}.a", "given.json parameters.given.value.tls"]),
        (
            {"a": "[parameters('given').rules]"},
            ("a", 0, "port"),
            [f"{HERE}.a", "given.json parameters.given.value.rules[0].port"],
        ),
        ({"a": "[parameters('own')]"}, ("a",), [f"{HERE}.a", "main.json parameters.own.defaultValue"]),
        (
            {"a": "[variables('v')[0].x]"},
            ("a",),
            [f"{HERE}.a", "main.json variables.v[0].x", "main.json parameters.own.defaultValue"],
        ),
        (
            {"a": "[if(parameters('own'), variables('v'), 1)]"},
            ("a", 0, "y"),
            [f"{HERE}.a", "main.json variables.v[0].y"],
        ),
        (
            {"copy": [{"name": "r", "count": 2, "input": {"p": "[variables('many')[copyIndex('r')]]"}}]},
            ("r", 1, "p"),
            [f"{HERE}.copy[0].input.p", "main.json variables.many[1]"],
        ),
        (
            {"a": "[union(variables('v')[0], createObject('x', variables('many')))]"},
            ("a", "x", 0),
            [f"{HERE}.a", "main.json variables.many[0]"],
        ),
        (
            {"a": "[union(variables('v')[0], createObject('x', 1))]"},
            ("a", "y"),
            [f"{HERE}.a", "main.json variables.v[0].y"],
        ),
        ({"a": "[variables('looped')[1]]"}, ("a",), [f"{HERE}.a", "main.json variables.copy[0].input"]),
        ({"a": "[tryGet(variables('v'), 0, 'y')]"}, ("a",), [f"{HERE}.a", "main.json variables.v[0].y"]),
        ({"a": "[concat('x', parameters('given').tls)]"}, ("a",), [f"{HERE}.a"]),
        (
            {"a": "[concat(createArray(1), variables('many'))]"},
            ("a", 2),
            [f"{HERE}.a", "main.json variables.many[1]"],
        ),
        ({"a": "[last(variables('many'))]"}, ("a",), [f"{HERE}.a", "main.json variables.many[1]"]),
        ({"a": "[first(variables('v')).y]"}, ("a",), [f"{HERE}.a", "main.json variables.v[0].y"]),
        ({"a": "[skip(variables('many'), 1)]"}, ("a", 0), [f"{HERE}.a", "main.json variables.many[1]"]),
        ({"a": "[take(variables('many'), 1)]"}, ("a", 0), [f"{HERE}.a", "main.json variables.many[0]"]),
        ({"a": "[array(variables('v')[0])]"}, ("a", 0, "y"), [f"{HERE}.a", "main.json variables.v[0].y"]),
        (
            {"a": "[coalesce(null(), variables('v')[0])]"},
            ("a", "y"),
            [f"{HERE}.a", "main.json variables.v[0].y"],
        ),
        (
            {"a": "[shallowMerge(createArray(variables('v')[0]))]"},
            ("a", "y"),
            [f"{HERE}.a", "main.json variables.v[0].y"],
        ),
        (
            {"[concat('a', 'b')]": {"c": 1}},
            ("ab", "c"),
            ["main.json resources[0].properties['[concat('a', 'b')]'].c"],
        ),
    ],
)
def test_trace(properties: Any, steps: tuple[str | int, ...], expected: list[str]) -> None:
    found = traced(
        properties,
        steps,
        parameters={"given": {"type": "object"}, "own": {"type": "bool", "defaultValue": True}},
        variables={
            "v": [{"x": "[parameters('own')]", "y": 2}],
            "many": [5, 6],
            "copy": [{"name": "looped", "count": 2, "input": "[copyIndex('looped')]"}],
        },
    )
    assert found == expected


def test_a_module_is_traced_to_the_outer_template() -> None:
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "name": "a",
        "properties": {"tls": "[parameters('tls')]"},
    }
    module = {
        "type": "Microsoft.Resources/deployments",
        "name": "module",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "parameters": {"tls": {"value": "[variables('tls')]"}},
            "template": {
                "$schema": SCHEMA,
                "parameters": {"tls": {"type": "string"}},
                "resources": [account],
            },
        },
    }
    found = traced(
        {}, (), resources=[module], variables={"tls": "1.0"}, parameters={"given": {"type": "object"}}
    )
    assert found == ["main.json resources[0].properties.template.resources[0].properties"]
    inner = "main.json resources[0].properties.template.resources[0].properties.tls"
    found = traced(
        {}, ("tls",), resources=[module], variables={"tls": "1.0"}, parameters={"given": {"type": "object"}}
    )
    assert found == [
        inner,
        "main.json resources[0].properties.parameters.tls.value",
        "main.json variables.tls",
    ]


def test_an_output_of_a_module_is_traced_into_it() -> None:
    module = {
        "type": "Microsoft.Resources/deployments",
        "name": "module",
        "properties": {
            "expressionEvaluationOptions": {"scope": "inner"},
            "template": {
                "$schema": SCHEMA,
                "resources": [],
                "variables": {"x": 1},
                "outputs": {"o": {"value": "[variables('x')]"}},
            },
        },
    }
    account = {
        "type": "Microsoft.Storage/storageAccounts",
        "name": "a",
        "properties": {"p": "[reference('module').outputs.o.value]"},
    }
    found = traced({}, ("p",), resources=[account, module], parameters={"given": {"type": "object"}})
    assert found == [
        f"{HERE}.p",
        "main.json resources[1].properties.template.outputs.o.value",
        "main.json resources[1].properties.template.variables.x",
    ]
