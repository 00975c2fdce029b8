"""Effect details: the details of an effect with their expressions evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import explain
from nephoscope_policy.document import get_ignoring_case, has_member

if TYPE_CHECKING:
    from nephoscope_policy import tree
    from nephoscope_policy.evaluation_scope import EvaluationScope
    from nephoscope_policy.folded_rule import FoldedRule


def evaluate_details(rule: FoldedRule, scope: EvaluationScope) -> object:
    """The details that a caller acts on: the operations of modify and append, type and roles of *IfNotExists, else as written.

    None where the rule has none; raises ArmError where an expression fails.
    """
    then = rule.tree.then
    if then.operations is not None:
        entries = [_build_operation(operation, scope) for operation in then.operations]
        if not isinstance(then.details, dict) or not has_member(then.details, "operations"):
            return entries
        return {**_select_members(then.details, "roleDefinitionIds"), "operations": entries}
    if then.existence is not None:
        return {
            **_select_members(then.details, "roleDefinitionIds"),
            "type": explain.explain_value(then.existence.type, scope),
        }
    return then.details


def _select_members(details: object, *names: str) -> dict[str, object]:
    return {
        name: get_ignoring_case(details, name)
        for name in names
        if isinstance(details, dict) and has_member(details, name)
    }


def _build_operation(operation: tree.EffectOperation, scope: EvaluationScope) -> dict[str, object]:
    result: dict[str, object] = {}
    if operation.operation != "append":
        result["operation"] = operation.operation
    result["field"] = operation.target.text
    if operation.value is not None:
        result["value"] = explain.explain_value(operation.value, scope)
    if operation.condition is not None:
        result["condition"] = get_ignoring_case(operation.raw, "condition")
    return result
