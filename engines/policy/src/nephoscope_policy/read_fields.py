"""The field that an expression reads, where it reads one alone: the value of the body that decides what it yields."""

from __future__ import annotations

from nephoscope_policy import tree
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, walk


def find_single_field(operand: tree.Operand) -> str:
    """Return the one field that an expression reads by its name, '' where it reads none, several, or one by a computed name."""
    if not isinstance(operand, tree.TemplateExpression):
        return ""
    names: set[str] = set()
    for node in walk(operand.expression.tree):
        if isinstance(node, ArmCall) and node.key == "field":
            (name,) = node.arguments
            if not isinstance(name, ArmLiteral) or not isinstance(name.value, str):
                return ""
            names.add(name.value)
    return names.pop() if len(names) == 1 else ""
