"""Evaluation frame of an expression: template, parameters, enclosing loops and function arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.document import Path, TemplateDocument, member
from nephoscope_policy.arm.template.expansion_types import DeploymentView, InstanceView
from nephoscope_policy.arm.template.value_evaluation import evaluate_node
from nephoscope_policy.arm.unknown import Unknown
from nephoscope_policy.arm.value import Value, describe_type

if TYPE_CHECKING:
    from nephoscope_policy.model.source_location import Place

MAX_COPIES = 800
"""Turns that a loop may have, as in Azure."""
_NO_TURNS: Mapping[str, int | Unknown] = {}


class EvaluationFrame:
    """The template instance whose parameters and variables an expression sees, the deployment whose resources, and the turns of loops.

    `resource_loop` is the lower-cased name of the resource loop around it, '' where there is none; `arguments` are those of a
    user-defined function by lower-cased name, None outside one.
    """

    __slots__ = ("arguments", "deployment", "innermost", "instance", "resource_loop", "turns")

    def __init__(
        self,
        instance: InstanceView,
        deployment: DeploymentView,
        turns: Mapping[str, int | Unknown] = _NO_TURNS,
        resource_loop: str = "",
        innermost: str = "",
        arguments: Mapping[str, Value] | None = None,
    ) -> None:
        self.instance = instance
        self.deployment = deployment
        self.turns = turns
        self.resource_loop = resource_loop
        self.innermost = innermost
        self.arguments = arguments

    def make_turn_frame(self, name: str, index: int | Unknown, *, resource: bool = False) -> EvaluationFrame:
        """The frame of one turn of a loop."""
        key = name.lower()
        outer = key if resource else self.resource_loop
        return EvaluationFrame(
            self.instance, self.deployment, {**self.turns, key: index}, outer, key, self.arguments
        )

    def make_nested_frame(self, deployment: DeploymentView) -> EvaluationFrame:
        """The frame of a nested deployment that is evaluated in the outer template."""
        return EvaluationFrame(
            self.instance, deployment, self.turns, self.resource_loop, self.innermost, self.arguments
        )

    def get_index(self, name: str) -> int | Unknown:
        """The turn of a loop by name ('' = the resource loop, else the innermost); raises FunctionError outside of it."""
        key = name.lower() or self.resource_loop or self.innermost
        found = self.turns.get(key)
        if found is None:
            around = ", ".join(self.turns) or "none"
            raise FunctionError(
                f"no loop {name!r} is around it (there are: {around})" if name else "it is not inside a loop"
            )
        return found

    def report_error(self, place: Place, message: str) -> Unknown:
        """Report an error; what failed is unknown."""
        self.deployment.plan.report(place, message)
        return Unknown("any", "failed", message)

    def count(self, document: TemplateDocument, path: Path, loop: dict[str, object]) -> int | Unknown:
        """Count how many turns a loop has; a count that is none is reported."""
        found = member(loop, "count")
        if found is None:
            return self.report_error(document.find_place(path), "a loop of copy needs a count")
        value = self.evaluate(document, (*path, found[0]), found[1])
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, Unknown):
            return value
        if type(value) is not int:
            wrong = f"the count of a loop must be an integer, not {describe_type(value)}"
        elif not 0 <= value <= MAX_COPIES:
            wrong = f"a loop has 0 to {MAX_COPIES} turns, not {value}"
        elif not self.deployment.plan.count_turns(value):
            wrong = "all loops together have too many turns: this one is not unrolled"
        else:
            return value
        return self.report_error(document.find_place((*path, found[0])), wrong)

    def evaluate(self, document: TemplateDocument, path: Path, node: object) -> Value:
        """The value of a node of a document in this frame."""
        return evaluate_node(self, document, path, node)
