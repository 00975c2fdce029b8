"""The field that an expression reads, where it reads one alone: the value of the body that decides what it yields."""

from __future__ import annotations

from functools import lru_cache

from nephoscope_policy import tree
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, walk_nodes


def find_single_field(operand: tree.Operand) -> str:
    """Return the one field that an expression reads by its name, '' where it reads none, several, or one by no plain name."""
    return _find_named_field(operand) if isinstance(operand, tree.TemplateExpression) else ""


@lru_cache(maxsize=4096)
def _find_named_field(operand: tree.TemplateExpression) -> str:
    names: set[str] = set()
    for node in walk_nodes(operand.expression.tree):
        if isinstance(node, ArmCall) and node.key == "field":
            match node.arguments:
                case [ArmLiteral(value=str(name))]:
                    names.add(name)
                case _:
                    return ""
    return names.pop() if len(names) == 1 else ""
