"""The functions that a template defines itself: `functions: [{namespace, members}]`."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from nephoscope_policy.arm.errors import FunctionError
from nephoscope_policy.arm.template.document import Path, member
from nephoscope_policy.arm.template.evaluation_frame import EvaluationFrame
from nephoscope_policy.arm.template.expansion_types import FrameView, InstanceView
from nephoscope_policy.arm.value import Value

MAX_CALLS = 64
"""Calls of user-defined functions inside one another."""


class UserFunction(msgspec.Struct, frozen=True):
    """A user-defined function: its parameters' names in order, and where its output's value stands."""

    name: str
    parameters: tuple[str, ...]
    path: Path
    value: object

    def call(self, frame: FrameView, arguments: list[Value]) -> Value:
        """The value for evaluated arguments; raises FunctionError for a wrong number of them and for endless calls."""
        if len(arguments) != len(self.parameters):
            raise FunctionError(f"takes {len(self.parameters)} arguments, not {len(arguments)}")
        instance = frame.instance
        plan = frame.deployment.plan
        if plan.calls >= MAX_CALLS:
            raise FunctionError(f"user-defined functions call one another more than {MAX_CALLS} deep")
        given = {name.lower(): value for name, value in zip(self.parameters, arguments, strict=True)}
        plan.calls += 1
        try:
            inner = EvaluationFrame(instance, frame.deployment, arguments=given)
            return inner.evaluate(instance.document, self.path, self.value)
        finally:
            plan.calls -= 1


def read_user_functions(instance: InstanceView) -> dict[str, UserFunction]:
    """The functions of a template by their lower-cased `namespace.name`; malformed ones are reported."""
    path, node = instance.get_section("functions")
    found: dict[str, UserFunction] = {}
    for place, group in enumerate(node if isinstance(node, list) else []):
        namespace, members = member(group, "namespace"), member(group, "members")
        if namespace is None or members is None or not isinstance(members[1], dict):
            instance.report_error((*path, place), "a group of functions needs a namespace and members")
            continue
        for name, body in members[1].items():
            full = f"{namespace[1]}.{name}"
            function = _read_function(full, (*path, place, members[0], name), body)
            if function is None:
                instance.report_error(
                    (*path, place, members[0], name), f"the function {full} needs an output with a value"
                )
            else:
                found[full.lower()] = function
    return found


def _read_function(name: str, path: Path, body: Mapping[str, object]) -> UserFunction | None:
    output = member(body, "output")
    value = member(output[1], "value") if output else None
    if output is None or value is None:
        return None
    parameters = member(body, "parameters")
    listed = parameters[1] if parameters and isinstance(parameters[1], list) else []
    names = tuple(str(member(one, "name")[1]) for one in listed if member(one, "name"))  # type: ignore[index]
    return UserFunction(name, names, (*path, output[0], value[0]), value[1])
