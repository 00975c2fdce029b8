"""Definitions, initiatives and assignments that an answer about restrictions could have been made by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Body = dict[str, Any]


def restricting(answer: Mapping[str, Any]) -> Iterator[tuple[str, Body]]:
    """(id, properties) of what is to be put, each after what it names."""
    for field in answer.get("fieldRestrictions") or ():
        for one in field["restrictions"]:
            yield from _assigned(one["policy"], _rule(field["field"], one))
    for one in (answer.get("contentEvaluationResult") or {}).get("policyEvaluations") or ():
        several = one["evaluationDetails"]["evaluatedExpressions"]
        tests = [{"field": each["path"], each["operator"]: each["targetValue"]} for each in several]
        effect = (one.get("effectDetails") or {}).get("policyEffect") or "deny"
        yield from _assigned(one["policyInfo"], {"if": {"allOf": tests}, "then": {"effect": effect}})


def _rule(field: str, one: Mapping[str, Any]) -> Body:
    """A rule that restricts a field so."""
    effect = one.get("policyEffect") or "deny"
    values = one.get("values") or []
    if one["result"] == "Removed":
        operations = [{"operation": "remove", "field": field}]
        details = {
            "roleDefinitionIds": ["/providers/Microsoft.Authorization/roleDefinitions/x"],
            "operations": operations,
        }
        return {"if": {"field": "type", "exists": "true"}, "then": {"effect": "modify", "details": details}}
    if one.get("defaultValue") is not None:
        details = [{"field": field, "value": one["defaultValue"]}]
        return {"if": {"field": field, "exists": "false"}, "then": {"effect": "append", "details": details}}
    if one["result"] == "Required":
        test = {"field": field, "notIn": values} if values else {"field": field, "exists": "false"}
        return {"if": test, "then": {"effect": effect}}
    return {"if": {"field": field, "in": values}, "then": {"effect": effect}}


def _assigned(policy: Mapping[str, str], rule: Body) -> Iterator[tuple[str, Body]]:
    definition, target = policy["policyDefinitionId"], policy["policyDefinitionId"]
    yield definition, {"mode": "All", "policyRule": rule}
    if initiative := policy.get("policySetDefinitionId"):
        reference = policy.get("policyDefinitionReferenceId") or "reference"
        member = {"policyDefinitionId": definition, "policyDefinitionReferenceId": reference}
        target = initiative
        yield initiative, {"policyDefinitions": [member]}
    yield policy["policyAssignmentId"], {"policyDefinitionId": target}
