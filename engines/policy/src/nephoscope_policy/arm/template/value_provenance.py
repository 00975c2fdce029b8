"""Value provenance: trace a planned value through expressions, variables, parameters and modules to its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

from nephoscope_policy.arm.compiler import compile_node
from nephoscope_policy.arm.errors import ArmError, ArmSyntaxError
from nephoscope_policy.arm.parser import is_expression
from nephoscope_policy.arm.template.document import Path, TemplateDocument, WrittenValue, member
from nephoscope_policy.arm.template.expansion_state import BudgetError
from nephoscope_policy.arm.template.expansion_types import FrameView, PlannedResourceView
from nephoscope_policy.arm.template.host_functions import HOSTS
from nephoscope_policy.arm.template.property_loops import VariableLoop, list_property_loops
from nephoscope_policy.arm.template.reference_function import find_planned_resource
from nephoscope_policy.arm.template.value_evaluation import parse_text
from nephoscope_policy.arm.text_patterns import build_pattern
from nephoscope_policy.arm.tree import ArmCall, ArmIndex, ArmLiteral, ArmProperty, Node
from nephoscope_policy.arm.unknown import OpenArray, Unknown
from nephoscope_policy.arm.unknown_propagation import build_partial_registry
from nephoscope_policy.arm.value import Value

MAX_STEPS = 64
"""Places that one trace may have."""
Steps: TypeAlias = tuple[str | int, ...]
Arguments: TypeAlias = tuple[Node, ...]
Evaluate: TypeAlias = Callable[[Node], Value]
Chosen: TypeAlias = tuple[Node, Steps]
Choose: TypeAlias = Callable[[Arguments, Steps, Evaluate], Chosen | None]


def trace_value(resource: PlannedResourceView, steps: Steps) -> tuple[WrittenValue, ...]:
    """Every place on the way to a part of a resource's body, the one that decides last; of what is absent, the part around it."""
    origin = resource.origin
    found = [WrittenValue(origin.document, origin.path)]
    if steps and steps[0] == "id":
        steps = ("name", *steps[1:])
    for one in _Tracer().trace_below(origin.frame, origin.document, origin.path, origin.node, steps):
        if one != found[-1]:
            found.append(one)
        if len(found) >= MAX_STEPS:
            break
    return tuple(found)


class _Tracer:
    """One trace; `_left` bounds the steps that it takes."""

    def __init__(self) -> None:
        self._left = MAX_STEPS + MAX_STEPS // 2

    def trace_below(
        self, frame: FrameView, document: TemplateDocument, path: Path, node: object, steps: Steps
    ) -> Iterator[WrittenValue]:
        """The places from a node of a document on along the steps."""
        self._left -= 1
        if self._left < 0:
            return
        if isinstance(node, str) and is_expression(node):
            yield WrittenValue(document, path)
            yield from self._trace_expression(frame, document, path, node, steps)
        elif steps and isinstance(node, dict):
            yield from self._trace_member(frame, document, path, node, steps)
        elif steps and isinstance(node, list) and isinstance(steps[0], int) and steps[0] < len(node):
            yield from self.trace_below(frame, document, (*path, steps[0]), node[steps[0]], steps[1:])
        else:
            yield WrittenValue(document, path)

    def _trace_member(
        self, frame: FrameView, document: TemplateDocument, path: Path, node: dict[str, object], steps: Steps
    ) -> Iterator[WrittenValue]:
        for place, loop in enumerate(list_property_loops(node)):
            name, found = member(loop, "name"), member(loop, "input")
            if name and found and str(name[1]).lower() == str(steps[0]).lower():
                here = (*path, (member(node, "copy") or ("copy",))[0], place)
                yield from self._trace_loop_turn(frame, document, here, (str(name[1]), *found), steps[1:])
                return
        found = member(node, str(steps[0])) or self._find_named_value(frame, node, str(steps[0]))
        if found is None:
            yield WrittenValue(document, path)
        else:
            yield from self.trace_below(frame, document, (*path, found[0]), found[1], steps[1:])

    def _trace_loop_turn(
        self,
        frame: FrameView,
        document: TemplateDocument,
        path: Path,
        loop: tuple[str, str, object],
        steps: Steps,
    ) -> Iterator[WrittenValue]:
        name, key, node = loop
        if steps and isinstance(steps[0], int):
            yield from self.trace_below(
                frame.make_turn_frame(name, steps[0]), document, (*path, key), node, steps[1:]
            )
        else:
            yield WrittenValue(document, path)

    def _find_named_value(
        self, frame: FrameView, node: dict[str, object], name: str
    ) -> tuple[str, object] | None:
        """The member whose name an expression gives."""
        for key, value in node.items():
            if is_expression(key) and self._evaluate_node(frame, parse_text(key).tree) == name:
                return key, value
        return None

    def _evaluate_node(self, frame: FrameView, node: Node) -> Value:
        try:
            return compile_node(node, HOSTS, build_partial_registry())(frame)
        except (ArmError, BudgetError, RecursionError) as error:
            return Unknown("any", "failed", str(error))

    def _trace_expression(
        self, frame: FrameView, document: TemplateDocument, path: Path, text: str, steps: Steps
    ) -> Iterator[WrittenValue]:
        try:
            tree = parse_text(text).tree
        except ArmSyntaxError as error:
            yield WrittenValue(document, path, error.offset)
            return
        yield from self._trace_node(frame, WrittenValue(document, path), tree, steps)

    def _trace_node(
        self, frame: FrameView, at: WrittenValue, node: Node, steps: Steps
    ) -> Iterator[WrittenValue]:
        if isinstance(node, ArmProperty):
            yield from self._trace_node(frame, at, node.target, (node.name, *steps))
        elif isinstance(node, ArmIndex):
            step = self._evaluate_node(frame, node.index)
            if isinstance(step, str | int):
                yield from self._trace_node(frame, at, node.target, (step, *steps))
        elif isinstance(node, ArmLiteral):
            yield WrittenValue(at.document, at.path, node.offset)
        else:
            yield from self._trace_call(frame, at, node, steps)

    def _trace_call(
        self, frame: FrameView, at: WrittenValue, call: ArmCall, steps: Steps
    ) -> Iterator[WrittenValue]:
        if call.key == "parameters":
            yield from self._trace_parameter(frame, self._evaluate_node(frame, call.arguments[0]), steps)
        elif call.key == "variables":
            yield from self._trace_variable(frame, self._evaluate_node(frame, call.arguments[0]), steps)
        elif call.key == "reference":
            yield from self._trace_reference(frame, call, steps)
        else:
            chosen = self._choose_argument(frame, call, steps)
            if chosen is not None:
                yield from self._trace_node(frame, at, *chosen)

    def _choose_argument(self, frame: FrameView, call: ArmCall, steps: Steps) -> Chosen | None:
        """The argument that a function's result comes from, and the steps below it; None where it makes something new."""
        choose = _CHOICES.get(call.key)
        if choose is None or not call.arguments:
            return None
        return choose(call.arguments, steps, lambda node: self._evaluate_node(frame, node))

    def _trace_parameter(self, frame: FrameView, name: Value, steps: Steps) -> Iterator[WrittenValue]:
        instance = frame.instance
        declared = instance.declared_parameters.get(str(name).lower())
        if frame.arguments is not None or declared is None:
            return
        given = instance.given.get(declared.name.lower())
        if given is None:
            default = member(declared.node, "defaultValue")
            path = declared.path if default is None else (*declared.path, default[0])
            node = None if default is None else default[1]
            yield from self.trace_below(instance.frame, instance.document, path, node, steps)
            return
        value = member(given.node, "value")
        if value is None:
            yield WrittenValue(given.document, given.path)
        elif given.frame is None:
            yield WrittenValue(given.document, _read_literal(value[1], (*given.path, value[0]), steps))
        else:
            yield from self.trace_below(given.frame, given.document, (*given.path, value[0]), value[1], steps)

    def _trace_variable(self, frame: FrameView, name: Value, steps: Steps) -> Iterator[WrittenValue]:
        instance = frame.instance
        declared = instance.declared_variables.get(str(name).lower())
        if declared is None:
            return
        if not isinstance(declared.node, VariableLoop):
            yield from self.trace_below(
                instance.frame, instance.document, declared.path, declared.node, steps
            )
            return
        found = member(declared.node.loop, "input")
        if found is not None:
            yield from self._trace_loop_turn(
                instance.frame, instance.document, declared.path, (declared.name, *found), steps
            )

    def _trace_reference(self, frame: FrameView, call: ArmCall, steps: Steps) -> Iterator[WrittenValue]:
        target = build_pattern(self._evaluate_node(frame, call.arguments[0])) if call.arguments else None
        found = find_planned_resource(frame.deployment, target) if target else None
        if found is None:
            return
        if found.nested is None:
            full = len(call.arguments) == 3
            yield from self.trace_below(
                found.origin.frame,
                found.origin.document,
                found.origin.path,
                found.origin.node,
                steps if full else ("properties", *steps),
            )
        elif found.nested.template is not None:
            template = found.nested.template
            yield from self.trace_below(
                template.frame, template.document, template.path, template.node, steps
            )


def _choose_if_branch(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    condition = value(arguments[0])
    known = isinstance(condition, bool) and len(arguments) == 3
    return (arguments[1 if condition else 2], steps) if known else None


def _trace_coalesce(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    found = next((one for one in arguments if value(one) is not None), None)
    return None if found is None else (found, steps)


def _try_get(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    inner = tuple(one for argument in arguments[1:] if isinstance(one := value(argument), str | int))
    return (arguments[0], (*inner, *steps)) if len(inner) == len(arguments) - 1 else None


def _choose_merged_object(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    """The last of several objects that has the member."""
    listed = arguments[0] if len(arguments) == 1 else None
    if isinstance(listed, ArmCall) and listed.key == "createarray":
        arguments = listed.arguments
    has = (one for one in reversed(arguments) if steps and member(value(one), str(steps[0])) is not None)
    found = next(has, None)
    return None if found is None else (found, steps)


def _create_object(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    for key, item in zip(arguments[::2], arguments[1::2], strict=False):
        if steps and str(value(key)).lower() == str(steps[0]).lower():
            return item, steps[1:]
    return None


def _create_array(arguments: Arguments, steps: Steps, _: Evaluate) -> Chosen | None:
    place = _find_index(steps)
    return None if place is None or place >= len(arguments) else (arguments[place], steps[1:])


def _trace_concat(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    """The array that holds an element of several joined ones; where some are unknown, the place counts the known elements."""
    place = _find_index(steps)
    for one in arguments:
        items = value(one)
        if place is None or not isinstance(items, list | Unknown):
            return None
        known = items.known if isinstance(items, OpenArray) else items if isinstance(items, list) else ()
        if place < len(known):
            return one, (place, *steps[1:])
        place -= len(known)
    return None


def _find_array(arguments: Arguments, steps: Steps, value: Evaluate) -> Chosen | None:
    return arguments[0], steps if isinstance(value(arguments[0]), list) else steps[1:]


def _choose_end_element(arguments: Arguments, steps: Steps, value: Evaluate, *, last: bool) -> Chosen | None:
    items = value(arguments[0])
    return (
        (arguments[0], (len(items) - 1 if last else 0, *steps)) if isinstance(items, list) and items else None
    )


def _choose_string_part(arguments: Arguments, steps: Steps, value: Evaluate, *, skips: bool) -> Chosen | None:
    place, count = _find_index(steps), value(arguments[-1])
    if place is None or type(count) is not int:
        return None
    return arguments[0], (place + max(count, 0) if skips else place, *steps[1:])


def _find_index(steps: Steps) -> int | None:
    return steps[0] if steps and isinstance(steps[0], int) else None


#: Functions that give a part of what they are given, with how to find it.
_CHOICES: dict[str, Choose] = {
    "if": _choose_if_branch,
    "coalesce": _trace_coalesce,
    "tryget": _try_get,
    "union": _choose_merged_object,
    "shallowmerge": _choose_merged_object,
    "createobject": _create_object,
    "createarray": _create_array,
    "concat": _trace_concat,
    "array": _find_array,
    "first": partial(_choose_end_element, last=False),
    "last": partial(_choose_end_element, last=True),
    "take": partial(_choose_string_part, skips=False),
    "skip": partial(_choose_string_part, skips=True),
}


def _read_literal(node: object, path: Path, steps: Steps) -> Path:
    """The path of a part of literal JSON, or of what is around it."""
    for step in steps:
        if isinstance(step, str):
            found = member(node, step)
            if found is None:
                return path
            path, node = (*path, found[0]), found[1]
        elif isinstance(node, list) and step < len(node):
            path, node = (*path, step), node[step]
        else:
            return path
    return path
