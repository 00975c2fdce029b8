"""Differences of a plan and its configuration on disk: a plan that is older than its files tells nothing of what they say now.

The plan holds the configuration that it was made from: literals, references, and the names of attributes and blocks. Only what both
say as a literal is compared by value; expressions are known to the plan by their references alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from nephoscope.collect.templates.terraform.configuration_node import ConfigurationNode, ModuleFiles

_TEXT = re.compile(r"\"(?:[^\"\\$%]|\\[nrt\"\\])*\"")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
#: The plan does not hold what a dynamic block is made from.
_DYNAMIC = re.compile(r"dynamic\s*\"")
_OVERRIDE = re.compile(r"(?:^|[/_])override\.tf$")
_SWITCHES = frozenset({"true", "false"})
_AZURE = ("azurerm_", "azapi_")
#: Arguments of Terraform itself, which a plan keeps elsewhere or not at all.
_OWN_ARGUMENTS = frozenset(
    {"count", "for_each", "provider", "providers", "depends_on", "lifecycle", "provisioner", "connection"}
    | {"source", "version", "timeouts", "precondition", "postcondition"}
)


class WrittenModule(NamedTuple):
    """A module of a plan: its configuration there, and its files."""

    configuration: Mapping[str, object]
    files: ModuleFiles


class PlanDifference(NamedTuple):
    """A part of the files that is otherwise in the plan, and how."""

    part: ConfigurationNode
    reason: str


def find_differences(modules: Iterable[WrittenModule]) -> Iterator[PlanDifference]:
    """Find what the files of modules say that their plan does not, and what they say otherwise."""
    for module in modules:
        if any(_OVERRIDE.search(document.file) for document, _ in module.files.documents):
            continue  # several blocks make one resource there
        listed = _read_list(module.configuration.get("resources"))
        if "resources" in module.configuration:
            yield from _find_added_resources(
                module.files, {(one.get("type"), one.get("name")) for one in listed}
            )
        for one in listed:
            kind = "data" if one.get("mode") == "data" else "resource"
            block = module.files.find(kind, str(one.get("type")), str(one.get("name")))
            if block is not None and one.get("expressions"):
                yield from _compare_block(block, _read_map(one.get("expressions")))
        for name, call in _read_map(module.configuration.get("module_calls")).items():
            block = module.files.find("module", name)
            if block is not None and _read_map(call).get("expressions"):
                yield from _compare_block(block, _read_map(_read_map(call).get("expressions")))
        for name, variable in _read_map(module.configuration.get("variables")).items():
            default = module.files.find("variable", name, "default")
            if default is not None and "default" in _read_map(variable):
                yield from _compare_value(default, {"constant_value": _read_map(variable)["default"]})


def _find_added_resources(files: ModuleFiles, known: set[tuple[object, object]]) -> Iterator[PlanDifference]:
    """Find the resources of Azure in files that a plan does not know."""
    for document, mark in files.documents:
        resources = ConfigurationNode(document, (), mark).descend("resource")
        for kind in resources.mark.members or {} if resources is not None else ():
            of_kind = resources.descend(kind) if resources is not None else None
            for name in of_kind.mark.members or {} if of_kind is not None else ():
                block = of_kind.descend(name) if of_kind is not None else None
                if kind.startswith(_AZURE) and (kind, name) not in known and block is not None:
                    yield PlanDifference(block, f"{kind}.{name} is not in the plan")


def _compare_block(block: ConfigurationNode, expressions: Mapping[str, object]) -> Iterator[PlanDifference]:
    members = block.mark.members
    if members is None:
        return
    for name in members:
        inner = block.descend(name)
        if inner is None or name in _OWN_ARGUMENTS or inner.text == "null" or _DYNAMIC.match(inner.text):
            continue
        if name in expressions:
            yield from _compare_value(inner, expressions[name])
        else:
            yield PlanDifference(inner, f"{name} is not in the plan")
    for name, expression in expressions.items():
        constant = _read_map(expression).get("constant_value")
        if name not in members and name not in _OWN_ARGUMENTS and constant is not None:
            yield PlanDifference(block, f"the plan sets {name}, which is not here")


def _compare_value(part: ConfigurationNode, expression: object) -> Iterator[PlanDifference]:
    if isinstance(expression, list):
        elements = part.mark.elements or []
        if len(elements) == len(expression):
            for index, one in enumerate(expression):
                inner = part.descend(index)
                if inner is not None and isinstance(one, dict):
                    yield from _compare_block(inner, one)
        return
    literal, members = _read_literal(part.text), _read_map(expression)
    if literal is None or not ("constant_value" in members or "references" in members):
        return
    if "constant_value" not in members:
        yield PlanDifference(part, f"the plan was made with {_list_names(members['references'])} here")
    elif literal != _fold_for_comparison(members["constant_value"]):
        yield PlanDifference(part, f"the plan was made with {json.dumps(members['constant_value'])} here")


def _read_literal(text: str) -> str | None:
    """Return a literal as text that compares; None for any other expression."""
    if _TEXT.fullmatch(text):
        return _fold_for_comparison(json.loads(text))
    return (
        _fold_for_comparison(float(text)) if _NUMBER.fullmatch(text) else text if text in _SWITCHES else None
    )


def _fold_for_comparison(value: object) -> str:
    """Return a value as text that is the same for a number and a switch written as text."""
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return str(float(value)) if isinstance(value, int | float | str) else json.dumps(value)
    except ValueError:
        return str(value)


def _list_names(references: object) -> str:
    names = references if isinstance(references, list) else []
    return str(names[0]) if names else "an expression"


def _read_list(value: object) -> list[Mapping[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _read_map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
