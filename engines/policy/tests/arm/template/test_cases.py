"""Every row of tests/cases/template: expressions over unknowns, and templates with what they make."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nephoscope_policy.arm.template import (
    DeploymentScope,
    OpenObject,
    TemplateDocument,
    TemplateExpansion,
    Unknown,
    expand_template,
)

CASES = Path(__file__).parents[2] / "cases" / "template"
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/{}eploymentTemplate.json#"
KINDS = {
    "resourceGroup": "d",
    "subscription": "subscriptionD",
    "managementGroup": "managementGroupD",
    "tenant": "tenantD",
}
SECTIONS = frozenset(
    {
        "parameters",
        "variables",
        "resources",
        "outputs",
        "functions",
        "definitions",
        "languageVersion",
        "imports",
    }
)
TYPES = {"s": "string", "i": "int", "b": "bool", "a": "array", "o": "object", "n": "any"}
UNKNOWNS = {name: {} if type_ == "any" else {"type": type_} for name, type_ in TYPES.items()}


def shown(value: Any) -> Any:
    """The value as plain JSON."""
    if isinstance(value, Unknown):
        return f"?{value.type}"
    if isinstance(value, dict):
        members = {key: shown(item) for key, item in value.items()}
        return {**members, "...": True} if isinstance(value, OpenObject) else members
    return [shown(item) for item in value] if isinstance(value, list) else value


def same(left: Any, right: Any) -> bool:
    """JSON equality with types told apart."""
    if type(left) is not type(right):
        return False
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


def rows(name: str) -> list[Any]:
    found = yaml.load((CASES / f"{name}.yaml").read_text("utf-8"), yaml.CSafeLoader)
    return [pytest.param(row, id=f"{name}-{place + 1}") for place, row in enumerate(found)]


def expansion(row: dict[str, Any]) -> TemplateExpansion:
    """The expansion of a row: the sections of a template, `given` parameters and linked `files`."""
    sections = {key: value for key, value in row.items() if key in SECTIONS}
    template = {
        "$schema": SCHEMA.format(KINDS[row.get("kind", "resourceGroup")]),
        "resources": [],
        **sections,
    }
    given = None
    if "given" in row:
        values = {name: {"value": value} for name, value in row["given"].items()}
        given = TemplateDocument.parse(json.dumps({"parameters": values}), "given.json")
    files = {
        name: json.dumps({"$schema": SCHEMA.format("d"), **value})
        for name, value in row.get("files", {}).items()
    }
    scope = DeploymentScope(subscription_id="s", resource_group="g", location=row.get("location"))
    return expand_template(
        TemplateDocument.parse(json.dumps(template), "main.json"), given, scope=scope, load=files.get
    )


@pytest.mark.parametrize("row", rows("unknowns"))
def test_unknown(row: dict[str, Any]) -> None:
    found = expansion({"parameters": UNKNOWNS, "outputs": {"x": {"value": row["in"]}}})
    if "error" in row:
        assert row["error"] in str(found.errors), (found.errors, shown(found.outputs["x"].value))
    else:
        assert not found.errors
        assert same(shown(found.outputs["x"].value), row["out"]), shown(found.outputs["x"].value)


@pytest.mark.parametrize("row", rows("templates"))
def test_template(row: dict[str, Any]) -> None:
    found = expansion(row)
    want = row["want"]
    problems = [f"{one.place.file} {one.place.path}: {one.message}" for one in found.problems]
    assert problems == want.get("problems", [])
    if "outputs" in want:
        assert {name: shown(one.value) for name, one in found.outputs.items()} == want["outputs"]
    if "ids" in want:
        assert [one.id for one in found.resources] == want["ids"]
    if "bodies" in want:
        assert [
            shown({k: v for k, v in one.body.items() if k not in ("id", "name", "type")})
            for one in found.resources
        ] == want["bodies"]
    if "depends" in want:
        assert [
            [one.rpartition("/")[2] for one in resource.depends_on] for resource in found.resources
        ] == want["depends"]
