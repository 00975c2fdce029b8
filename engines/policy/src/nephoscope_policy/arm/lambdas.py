"""Lambdas while an expression is evaluated, and the budget that bounds loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.value import Value, iterate_levels

MAX_STEPS = 500_000
"""Lambda calls, and elements that reduce carries along, in one evaluation."""


class Budget(msgspec.Struct):
    """The steps that one evaluation may still take."""

    left: int = msgspec.field(default_factory=lambda: MAX_STEPS)

    def spend(self, steps: int) -> None:
        """Take steps; raises FunctionError when none are left."""
        self.left -= steps
        if self.left < 0:
            raise FunctionError(f"the evaluation takes more than {MAX_STEPS} steps")


class LambdaFrame(msgspec.Struct, frozen=True):
    """The variables of the lambdas around a node (lower-cased names), and the evaluation's budget."""

    variables: dict[str, Value] = msgspec.field(default_factory=dict)
    budget: Budget = msgspec.field(default_factory=Budget)

    def bind(self, names: tuple[str, ...], values: tuple[Value, ...]) -> LambdaFrame:
        """The frame inside a lambda: its parameters hide outer ones of the same name."""
        return LambdaFrame({**self.variables, **dict(zip(names, values, strict=False))}, self.budget)


Body: TypeAlias = Callable[[LambdaFrame], Value]


class LambdaArgument(msgspec.Struct, frozen=True):
    """A lambda argument: calling it evaluates the body with the parameters bound."""

    parameters: tuple[str, ...]
    body: Body
    frame: LambdaFrame

    def __call__(self, *values: object) -> Value:
        """The body's value; surplus values (an index that the lambda does not name) are dropped."""
        self.frame.budget.spend(1)
        return self.body(self.frame.bind(self.parameters, values))

    def charge_budget(self, value: Value) -> None:
        """Charge the budget with the nodes of an accumulated value; raises FunctionError for a deep one."""
        for level in iterate_levels(value):
            self.frame.budget.spend(len(level))
