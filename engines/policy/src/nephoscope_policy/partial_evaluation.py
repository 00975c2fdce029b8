"""Partial evaluation of conditions over a resource that is only partly known.

A condition ends true, false, or None where something open or failed decides: the interpreter then says what.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from nephoscope_policy import explain, tree
from nephoscope_policy.arm import ArmError
from nephoscope_policy.condition_outcome import Truth
from nephoscope_policy.operators import OrderError
from nephoscope_policy.resource_view import NotCollected
from nephoscope_policy.rule_reads import FieldReads

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_policy.compiled_scope import CompiledRun
    from nephoscope_policy.compiler import Compiler
    from nephoscope_policy.read_paths import Reads

FALL_BACK = (ArmError, NotCollected, OrderError)
"""What a closure raises where three-valued logic must decide."""

PartTest: TypeAlias = "Callable[[CompiledRun], bool | None]"
_TRUTHS = {Truth.TRUE: True, Truth.FALSE: False}


def compile_parts(
    node: tree.Condition, compiler: Compiler, reads_of: Callable[[FieldReads], Reads]
) -> PartTest:
    """The test of a condition on the target of a run; `reads_of` gives the paths behind the fields that a leaf names."""
    if isinstance(node, tree.Leaf):
        return _compile_leaf(node, compiler, reads_of(FieldReads.from_condition(node, compiler.fold)))
    if isinstance(node, tree.Not):
        child = compile_parts(node.child, compiler, reads_of)
        return lambda run: None if (found := child(run)) is None else not found
    parts = [compile_parts(each, compiler, reads_of) for each in node.children]
    return _combine_parts(parts, decisive=isinstance(node, tree.AnyOf))


def _combine_parts(parts: list[PartTest], *, decisive: bool) -> PartTest:
    def test(run: CompiledRun) -> bool | None:
        result: bool | None = not decisive
        for part in parts:
            found = part(run)
            if found is decisive:
                return decisive
            result = None if found is None else result
        return result

    return test


def _compile_leaf(leaf: tree.Leaf, compiler: Compiler, reads: Reads) -> PartTest:
    compiled = compiler.compile_condition(leaf)
    if isinstance(compiled, bool):
        settled = compiled
        return lambda _: settled
    closure = compiled

    def interpret(run: CompiledRun) -> bool | None:
        return _TRUTHS.get(explain.explain_condition(leaf, run).truth)

    def test(run: CompiledRun) -> bool | None:
        target = run.target
        if not (target.complete or target.has_all(reads)):
            return interpret(run)
        try:
            return closure(target.folded_body, run)
        except FALL_BACK:
            return interpret(run)

    return test
