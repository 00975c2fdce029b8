"""The values of a template's JSON: text is evaluated, property loops are unrolled, what holds no expression is shared as it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from nephoscope_policy.arm.errors import ArmError, ArmSyntaxError
from nephoscope_policy.arm.expression import ArmExpression, parse
from nephoscope_policy.arm.parser import is_expression, unescape_literal
from nephoscope_policy.arm.template.document import Path, TemplateDocument, member
from nephoscope_policy.arm.template.expansion_state import SMALL, BudgetError, compute_weight
from nephoscope_policy.arm.template.expansion_types import FrameView
from nephoscope_policy.arm.template.host_functions import HOSTS
from nephoscope_policy.arm.template.property_loops import list_property_loops
from nephoscope_policy.arm.unknown import OpenObject, Unknown
from nephoscope_policy.arm.unknown_propagation import build_partial_registry
from nephoscope_policy.arm.value import Value

PARSERS = frozenset({"json", "base64tojson"})
"""Functions whose results are larger than what they are seen to make."""
Evaluator: TypeAlias = Callable[[FrameView], Value]


class CompiledText(NamedTuple):
    """An expression's function, and whether it parses text to values."""

    run: Callable[[FrameView], Value]
    parses: bool


class _Static:
    """An evaluator of what holds no expression: every frame gets the same value."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def __call__(self, _: FrameView) -> Value:
        return self.value


@lru_cache(maxsize=65_536)
def compile_text(text: str) -> CompiledText:
    """Return what a text that is an expression is compiled to; raises ArmSyntaxError."""
    expression = parse_text(text)
    return CompiledText(
        expression.compile(HOSTS, build_partial_registry()), not PARSERS.isdisjoint(expression.calls)
    )


@lru_cache(maxsize=4_096)
def parse_text(text: str) -> ArmExpression:
    """The expression of a text; raises ArmSyntaxError."""
    return parse(text)


def evaluate_node(frame: FrameView, document: TemplateDocument, path: Path, node: object) -> Value:
    """The value of a node of a document; what fails is reported at its place and is unknown."""
    if type(node) is str:
        return _evaluate_text(frame, document, path, node)
    if isinstance(node, dict | list):
        return get_evaluator(document, path, node)(frame)
    return node


def get_evaluator(document: TemplateDocument, path: Path, node: object) -> Evaluator:
    """The evaluator of a node; containers are compiled once for a document."""
    if type(node) is str:
        return _build_text_evaluator(document, path, node)
    if not isinstance(node, dict | list):
        return _Static(node)
    found: Evaluator | None = document.closures.get(id(node))
    if found is None:
        found = (
            _read_array(document, path, node)
            if isinstance(node, list)
            else _read_object(document, path, node)
        )
        document.closures[id(node)] = found
    return found


def _evaluate_text(frame: FrameView, document: TemplateDocument, path: Path, text: str) -> Value:
    if not is_expression(text):
        return unescape_literal(text)
    try:
        compiled = compile_text(text)
        value = compiled.run(frame)
        if isinstance(value, str | list | dict) and (compiled.parses or len(value) > SMALL):
            frame.deployment.plan.spend(compute_weight(value, deep=compiled.parses))
        return value
    except (ArmError, ArmSyntaxError) as error:
        return frame.report_error(document.find_place(path, error.offset), str(error))
    except RecursionError:
        return frame.report_error(document.find_place(path), "its dependencies are nested too deeply")
    except BudgetError as error:
        return frame.report_error(document.find_place(path), str(error))


def _build_text_evaluator(document: TemplateDocument, path: Path, text: str) -> Evaluator:
    if not is_expression(text):
        return _Static(unescape_literal(text))
    return lambda frame: _evaluate_text(frame, document, path, text)


def _read_array(document: TemplateDocument, path: Path, node: list[object]) -> Evaluator:
    parts = [get_evaluator(document, (*path, place), item) for place, item in enumerate(node)]
    if all(isinstance(part, _Static) for part in parts):
        return _Static([part.value for part in parts if isinstance(part, _Static)])
    return lambda frame: [part(frame) for part in parts]


def _read_object(document: TemplateDocument, path: Path, node: dict[str, object]) -> Evaluator:
    loops = list_property_loops(node)
    static: dict[str, Value] = {}
    parts: list[tuple[str, Evaluator, bool]] = []
    for key, item in node.items():
        if loops and key.lower() == "copy":
            continue
        part = get_evaluator(document, (*path, key), item)
        parts.append((key, part, is_expression(key)))
        if isinstance(part, _Static) and not is_expression(key):
            static[key if key[:2] != "[[" else unescape_literal(key)] = part.value
    if not loops and len(static) == len(parts):
        return _Static(static)
    if loops:
        return _compile_loops(document, path, node, parts)
    if any(dynamic for _, _, dynamic in parts):
        return lambda frame: _add_named_members(frame, document, path, parts)
    named = [(unescape_literal(key), part) for key, part, _ in parts]
    return lambda frame: {key: part(frame) for key, part in named}


def _add_named_members(
    frame: FrameView, document: TemplateDocument, path: Path, parts: list[tuple[str, Evaluator, bool]]
) -> dict[str, Value]:
    """An object with members that an expression names; of one whose name is unknown only that it is there."""
    members: dict[str, Value] = {}
    hidden: Unknown | None = None
    for key, part, dynamic in parts:
        name = _evaluate_text(frame, document, path, key) if dynamic else unescape_literal(key)
        if isinstance(name, Unknown):
            hidden = name
        elif isinstance(name, str):
            members[name] = part(frame)
        else:
            frame.report_error(document.find_place((*path, key)), "the name of a member must be a string")
    return members if hidden is None else OpenObject(members, hidden.derive("object"))


def _compile_loops(
    document: TemplateDocument, path: Path, node: dict[str, object], parts: list[tuple[str, Evaluator, bool]]
) -> Evaluator:
    key, loops = member(node, "copy") or ("copy", [])

    def evaluate_object(frame: FrameView) -> Value:
        value = _add_named_members(frame, document, path, parts)
        for place, loop in enumerate(loops):
            name = member(loop, "name")
            if name is None or not isinstance(name[1], str):
                frame.report_error(document.find_place((*path, key, place)), "a loop of copy needs a name")
                continue
            value[name[1]] = evaluate_loop(frame, document, (*path, key, place), loop, name[1])
        return value

    return evaluate_object


def evaluate_loop(
    frame: FrameView, document: TemplateDocument, path: Path, loop: dict[str, object], name: str
) -> Value:
    """The array that a loop `{count, input}` gives; an unknown array where its count is unknown."""
    count = frame.count(document, path, loop)
    if isinstance(count, Unknown):
        return count.derive("array")
    found = member(loop, "input")
    if found is None:
        return frame.report_error(document.find_place(path), "a loop of copy needs an input")
    part = get_evaluator(document, (*path, found[0]), found[1])
    return [part(frame.make_turn_frame(name, index)) for index in range(count)]
