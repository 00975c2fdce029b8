"""Plan references: the resource that an attribute unknown until apply comes from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from nephoscope.collect.templates.terraform.plan_resources import INSTANCE_KEY

_RESOURCE = re.compile(
    r"(?P<address>(?:data\.)?[a-z][\w]*\.[\w-]+(?P<index>\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\])?)\.(?P<attribute>[\w.\[\]]+)"
)
_MODULE = re.compile(r"module\.(?P<name>[\w-]+)(?:\[[^\]]*\])?\.(?P<output>[\w-]+)")
MAX_STEPS = 20


class Reference(NamedTuple):
    """A resource's attribute: the address of its module ('' = the root), its address there, and the attribute."""

    module: str
    address: str
    attribute: str


class ModuleReferences:
    """The references of a configuration; the resources of a module are sought once."""

    def __init__(self, configuration: Mapping[str, object]) -> None:
        self._configuration = configuration
        self._resources: dict[str, dict[str, object]] = {}

    def find(self, module: str, address: str, names: tuple[str, ...]) -> Reference | None:
        """Return the one resource that an attribute of a resource refers to; None where it is made of several, or of none."""
        resource = self._find_resource(module, address)
        if resource is None:
            return None
        return _follow_reference(
            self._configuration, module, _read_expression(resource.get("expressions"), names), 0
        )

    def knows(self, module: str, address: str) -> bool:
        """Return whether the configuration has a resource."""
        return self._find_resource(module, address) is not None

    def has_expression(self, module: str, address: str, names: tuple[str, ...]) -> bool:
        """Return whether the configuration has an expression of an attribute, or of a block around it that is not known in parts."""
        resource = self._find_resource(module, address)
        here = _read_map(resource).get("expressions")
        for name in names:
            if isinstance(here, list):
                if len(here) != 1:
                    return bool(here)
                here = here[0]
            below = _read_map(here)
            if "references" in below or "constant_value" in below:
                return True
            if name not in below:
                return False
            here = below[name]
        return True

    def _find_resource(self, module: str, address: str) -> Any:
        return self._find_module_resources(INSTANCE_KEY.sub("", module)).get(INSTANCE_KEY.sub("", address))

    def _find_module_resources(self, module: str) -> dict[str, object]:
        if module not in self._resources:
            listed = _read_list(find_module_configuration(self._configuration, module).get("resources"))
            self._resources[module] = {
                str(one.get("address")): one for one in listed if isinstance(one, dict)
            }
        return self._resources[module]


def find_module_configuration(configuration: Mapping[str, object], module: str) -> Mapping[str, object]:
    """Return the configuration of a module by its address."""
    here: object = configuration.get("root_module") or {}
    for name in split_module_names(module):
        here = _read_map(_read_map(_read_map(here).get("module_calls")).get(name)).get("module") or {}
    return _read_map(here)


def split_module_names(module: str) -> list[str]:
    """Return the names of the calls in the address of a module: `module.a[0].module.b` as a, b."""
    plain = INSTANCE_KEY.sub("", module)
    return [part for part in plain.split(".") if part and part != "module"]


def find_parent_module(module: str) -> str:
    """Return the address of the module that calls a module."""
    at = 0
    for match in re.finditer(r"(?:^|\.)module\.", module):
        at = match.start()
    return module[:at]


def _follow_reference(
    configuration: Mapping[str, object], module: str, expression: object, steps: int
) -> Reference | None:
    reference = _read_single_reference(expression)
    if reference is None or steps > MAX_STEPS:
        return None
    if match := _MODULE.fullmatch(reference):
        child = f"{module}.module.{match['name']}".lstrip(".")
        output = _read_map(
            _read_map(find_module_configuration(configuration, child).get("outputs")).get(match["output"])
        )
        return _follow_reference(configuration, child, output.get("expression"), steps + 1)
    if reference.startswith("var.") and module:
        above, name = find_parent_module(module), split_module_names(module)[-1]
        call = _read_map(
            _read_map(find_module_configuration(configuration, above).get("module_calls")).get(name)
        )
        return _follow_reference(
            configuration, above, _read_map(call.get("expressions")).get(reference[4:]), steps + 1
        )
    if match := _RESOURCE.fullmatch(reference):
        return Reference(module, match["address"], match["attribute"])
    return None


def _read_single_reference(expression: object) -> str | None:
    """Return the one reference of an expression: others are its own beginnings (`a.b` of `a.b.id`) or the key of an instance."""
    given = [text for text in _read_list(_read_map(expression).get("references")) if isinstance(text, str)]
    given = [text for text in given if text not in ("each.key", "each.value", "count.index", "path.module")]
    longest = [
        text
        for text in given
        if not any(other != text and other.startswith((f"{text}.", f"{text}[")) for other in given)
    ]
    return longest[0] if len(longest) == 1 else None


def _read_expression(node: object, names: tuple[str, ...]) -> Any:
    for name in names:
        if isinstance(node, list):
            node = node[0] if len(node) == 1 else None
        node = _read_map(node).get(name)
    return node


def _read_map(node: object) -> Mapping[str, object]:
    return node if isinstance(node, dict) else {}


def _read_list(node: object) -> list[object]:
    return node if isinstance(node, list) else []
