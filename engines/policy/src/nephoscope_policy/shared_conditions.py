"""Shared conditions: evaluate large sub-conditions that many rules contain once per resource.

Built-in definitions repeat the same long list of machine images dozens of times; its answer is kept with the resource's
lower-cased body.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from nephoscope_policy import tree
from nephoscope_policy.body_paths import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.compiled_scope import CompiledRun

WORTH = 6
"""From this many leaves on an answer is kept: fewer cost less than the look-up."""
_MEMO = "\0memo"


def build_signature(node: tree.Condition, fold: Callable[[tree.Operand], object]) -> object:
    """Return what a condition without counts asks, as JSON with its operands folded; None where that is not settled beforehand."""
    if isinstance(node, tree.Leaf):
        operand = fold(node.operand)
        literal = isinstance(node.subject, tree.FieldRef) and isinstance(
            node.subject.name, tree.PolicyLiteral
        )
        if operand is MISSING or not literal or not isinstance(node.subject, tree.FieldRef):
            return None
        return [node.subject.text.lower(), node.operator, operand]
    children = (node.child,) if isinstance(node, tree.Not) else node.children
    found = [build_signature(child, fold) for child in children]
    return None if any(one is None for one in found) else [type(node).__name__, *found]


def count_leaves(found: Any) -> int:
    """Count how many leaves a signature has."""
    return sum(map(count_leaves, found[1:])) if found[0] in ("AllOf", "AnyOf", "Not") else 1


def share_answers(
    test: Callable[[dict[str, Any], CompiledRun], bool], found: object, version: str
) -> Callable[[dict[str, object], CompiledRun], bool]:
    """The condition with its answer kept in the body; `version` is the api-version that its paths are of."""
    key = sys.intern(json.dumps([version, found], sort_keys=True))

    def assess(body: dict[str, Any], run: CompiledRun) -> bool:
        memo = body.get(_MEMO)
        if memo is None:
            memo = body[_MEMO] = {}
        answer = memo.get(key)
        if answer is None:
            answer = memo[key] = test(body, run)
        return answer

    return assess
