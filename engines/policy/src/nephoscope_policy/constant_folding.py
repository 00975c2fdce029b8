"""Constant folding: evaluate expressions that depend on parameters alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_policy.arm import ArmError
from nephoscope_policy.body_paths import MISSING
from nephoscope_policy.evaluation_scope import EvaluationScope
from nephoscope_policy.explain import explain_value
from nephoscope_policy.validation import is_pure

if TYPE_CHECKING:
    from nephoscope_policy import tree

_PARAMETERS_ONLY = frozenset({"parameters"})


class ConstantFolder:
    """Gives the value of operands that depend on parameters alone, else MISSING."""

    __slots__ = ("scope",)

    def __init__(self, parameters: dict[str, object]) -> None:
        self.scope: EvaluationScope = _ParameterScope(parameters)
        """A scope in which only parameters() can be asked."""

    def __call__(self, operand: tree.Operand) -> object:
        """The value known beforehand; an expression that fails is left to the evaluation to report."""
        if not is_pure(operand, _PARAMETERS_ONLY):
            return MISSING
        try:
            return explain_value(operand, self.scope)
        except ArmError:
            return MISSING


class _ParameterScope(EvaluationScope):
    """A scope in which only parameters() can be asked."""

    __slots__ = ()

    def __init__(self, parameters: dict[str, object]) -> None:
        self.parameters = parameters
