"""bicep_pairs and bicepparam: one program compiled in two styles, and the parameters files that compilation gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from template_records import MATCH, Verdict, document, expanded, miss, same

from nephoscope_policy.arm.template import (
    OpenObject,
    PlannedResource,
    TemplateExpansion,
    Unknown,
    expand_template,
)

SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"


def judge_pair(record: Mapping[str, Any]) -> Verdict:
    """Whether both styles expand to the same resources: ids, types, names, bodies, and what they depend on."""
    parameters = record.get("parameters") or None
    classic = _shown(expanded(record["classic"], parameters))
    symbolic = _shown(expanded(record["symbolic"], parameters))
    if classic.keys() != symbolic.keys():
        return miss(
            f"only classic: {sorted(classic.keys() - symbolic)}, only symbolic: {sorted(symbolic.keys() - classic)}"
        )
    for key, value in classic.items():
        if value != symbolic[key]:
            parts = [name for name in value if value[name] != symbolic[key].get(name)]
            first = parts[0] if parts else "members"
            return miss(f"{key}: {first} is {value.get(first)!r} and {symbolic[key].get(first)!r}")
    return MATCH


def _shown(expansion: TemplateExpansion) -> dict[str, dict[str, Any]]:
    return {one.id: _comparable(one) for one in expansion.resources}


def _comparable(resource: PlannedResource) -> dict[str, Any]:
    body = {key: plain(value) for key, value in resource.body.items()}
    condition = plain(resource.condition)
    return {**body, "name": resource.name, "condition": condition, "dependsOn": sorted(resource.depends_on)}


def plain(value: Any) -> Any:
    """A value whose unknowns are compared by type and cause."""
    if isinstance(value, Unknown):
        return ("unknown", value.type, value.cause)
    if isinstance(value, OpenObject):
        return ("open", {key: plain(item) for key, item in value.items()})
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def assess_parameters(record: Mapping[str, Any]) -> Verdict:
    """Whether a template that gives its parameters back as outputs gives what the file says; what is not in the file is unknown."""
    given = record["parameters"]
    names = list(given.get("parameters") or {})
    template = {
        "$schema": SCHEMA,
        "parameters": {name: {} for name in names},
        "resources": [],
        "outputs": {name: {"value": f"[parameters('{name}')]"} for name in names},
    }
    made = document(template, "main.json")
    assert made is not None
    expansion = expand_template(made, document(given, "main.parameters.json"))
    if expansion.errors:
        return miss(str(expansion.errors[0]))
    for name in names:
        value, entry = expansion.outputs[name].value, given["parameters"][name]
        fits = same(value, entry["value"]) if "value" in entry else plain(value) != value
        if not fits:
            return miss(f"{name} is {value!r}, wanted {entry}")
    return MATCH
