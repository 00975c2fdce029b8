"""Count cache: results of counts that depend only on parameters and type, per spelling of the type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy import tree
from nephoscope_policy.arm.tree import ArmCall, ArmLiteral, walk_nodes
from nephoscope_policy.validation import is_pure, iterate_templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.compiled_scope import CompiledRun

_ASKED = frozenset({"parameters", "current", "field"})
_KEPT = 256


def is_type_only_count(count: tree.CountExpression) -> bool:
    """Return whether a count over a value asks for nothing but parameters, its own members and field('type')."""
    if not isinstance(count.over, tree.ValueRef) or not _is_operand_cacheable(count.over.operand):
        return False
    return count.where is None or _is_condition_cacheable(count.where)


def remember_by_type(
    number: Callable[[dict[str, object], CompiledRun], int],
) -> Callable[[dict[str, object], CompiledRun], int]:
    """The counter with its answers kept by the spelled type of the evaluated resource; inside another count it counts anew."""
    known: dict[object, int] = {}

    def count_remembered(body: dict[str, object], run: CompiledRun) -> int:
        if run.frames:
            return number(body, run)
        type_ = run.subject.get_special_field("type")
        found = known.get(type_)
        if found is None:
            if len(known) >= _KEPT:
                known.clear()
            found = known[type_] = number(body, run)
        return found

    return count_remembered


def _is_condition_cacheable(node: tree.Condition) -> bool:
    if isinstance(node, tree.Not):
        return _is_condition_cacheable(node.child)
    if not isinstance(node, tree.Leaf):
        return all(_is_condition_cacheable(child) for child in node.children)
    if isinstance(node.subject, tree.FieldRef) or not _is_operand_cacheable(node.operand):
        return False
    if isinstance(node.subject, tree.CountExpression):
        return is_type_only_count(node.subject)
    return _is_operand_cacheable(node.subject.operand)


def _is_operand_cacheable(operand: tree.Operand) -> bool:
    if not is_pure(operand, _ASKED):
        return False
    nodes = (node for template in iterate_templates(operand) for node in walk_nodes(template.expression.tree))
    return all(_asks_type(node) for node in nodes if isinstance(node, ArmCall) and node.key == "field")


def _asks_type(call: ArmCall) -> bool:
    argument = call.arguments[0] if len(call.arguments) == 1 else None
    return isinstance(argument, ArmLiteral) and str(argument.value).lower() == "type"
