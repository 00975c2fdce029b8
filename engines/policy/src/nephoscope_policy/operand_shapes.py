"""Shapes that the literal right side of a condition can have; what an expression yields shows at evaluation.

Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#conditions
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.document import describe_type
from nephoscope_policy.keywords import OPERATORS
from nephoscope_policy.operators import parse_boolean

if TYPE_CHECKING:
    from nephoscope_policy.tree import Operand


def explain_fault(operator: str, operand: Operand) -> str:
    """Explain why an operand cannot stand after a lower-cased operator, and what to write instead; '' where it can."""
    if operator == "exists":
        return _explain_no_presence(operand)
    if operator in ("in", "notin") and not _may_be_list(operand):
        instead = OPERATORS["equals" if operator == "in" else "notequals"]
        return f"'{OPERATORS[operator]}' takes an array, not {_describe_operand_kind(operand)}; write [...] or '{instead}'"
    return ""


def explain_not_countable(operand: Operand) -> str:
    """Explain why a count cannot go over a value, '' where it can."""
    return (
        ""
        if _may_be_list(operand)
        else f"a count goes over an array, not over {_describe_operand_kind(operand)}"
    )


def _explain_no_presence(operand: Operand) -> str:
    if isinstance(operand, tree.TemplateExpression):
        return ""
    if isinstance(operand, tree.PolicyLiteral) and parse_boolean(operand.value) is not None:
        return ""
    shown = (
        repr(operand.value) if isinstance(operand, tree.PolicyLiteral) else _describe_operand_kind(operand)
    )
    return f"'exists' takes true or false, not {shown}"


def _may_be_list(operand: Operand) -> bool:
    if isinstance(operand, tree.PolicyLiteral):
        return isinstance(operand.value, list)
    return not isinstance(operand, tree.ObjectExpression)


def _describe_operand_kind(operand: Operand) -> str:
    return describe_type(operand.value) if isinstance(operand, tree.PolicyLiteral) else "an object"
