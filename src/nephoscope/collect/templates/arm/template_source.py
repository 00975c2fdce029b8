"""Expose the source of a template to rules: parameters, outputs, resources and texts, with their spans."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from nephoscope.collect.templates.source_text import TextSpan
from nephoscope_policy.arm.template import TemplateDocument
from nephoscope_policy.arm.template.document import Path, member

_SECURE = ("securestring", "secureobject")
_REFERENCE = re.compile(r"(?:parameters|variables)\s*\(\s*'([^']+)'\s*\)", re.IGNORECASE)
_LISTS = re.compile(r"\blist\w*\s*\(", re.IGNORECASE)
_OWN_SCOPE = "inner"


class ArmSource:
    """A template; nested templates that have their own scope are templates of their own."""

    def __init__(
        self, document: TemplateDocument, path: Path = (), root: dict[str, object] | None = None
    ) -> None:
        self.document = document
        self.path = path
        self.root: dict[str, Any] = document.value if root is None else root
        self._below: dict[Path, list[tuple[Path, str]]] = {}

    def find_span(self, path: Path) -> TextSpan:
        """The offsets of a value."""
        return TextSpan(*self.document.find_span(path))

    @cached_property
    def texts(self) -> list[tuple[Path, str]]:
        """Every text of the template, with its path."""
        return list_texts(self.path, self.root)

    def iterate_section(self, name: str) -> Iterator[tuple[str, Path, object]]:
        """The members of a section (parameters, variables, outputs): name, path and value."""
        found = member(self.root, name)
        if found is not None and isinstance(found[1], dict):
            for key, value in found[1].items():
                yield key, (*self.path, found[0], key), value

    @cached_property
    def secure_parameters(self) -> frozenset[str]:
        """The lower-cased names of the parameters that hold secrets."""
        return frozenset(
            name.lower() for name, _, declared in self.iterate_section("parameters") if is_secure(declared)
        )

    def resources(self) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The resources of the template, those below resources among them, without those of nested templates."""
        yield from self._resources

    @cached_property
    def _resources(self) -> list[tuple[Path, dict[str, object]]]:
        found = member(self.root, "resources")
        return [] if found is None else list(_list_resources((*self.path, found[0]), found[1]))

    def templates(self) -> Iterator[ArmSource]:
        """The template and those that are nested in it."""
        yield from self._templates

    def list_texts_below(self, path: Path, resource: dict[str, object]) -> list[tuple[Path, str]]:
        """Every text below a resource, with its path."""
        found = self._below.get(path)
        if found is None:
            found = self._below[path] = list_texts(path, resource)
        return found

    def iterate_resource_texts(self, path: Path, resource: dict[str, object]) -> Iterator[tuple[Path, str]]:
        """The texts of a resource without those of the resources below it."""
        step = len(path)
        return (
            one for one in self.list_texts_below(path, resource) if str(one[0][step]).lower() != "resources"
        )

    @cached_property
    def _templates(self) -> list[ArmSource]:
        found = [self]
        for path, resource in self._resources:
            inner = find_nested_template(path, resource)
            if inner is not None:
                found += ArmSource(self.document, *inner).templates()
        return found

    def holds_secret(self, text: str) -> bool:
        """Return whether an expression gives what a secure parameter or a list function holds."""
        if not is_written_expression(text):
            return False
        named = {name.lower() for name in _REFERENCE.findall(text)}
        return bool(named & self.secure_parameters) or bool(_LISTS.search(text))


def is_written_expression(text: str) -> bool:
    """Return whether a text is an expression: `[...]`, and not `[[...`."""
    return text.startswith("[") and text.endswith("]") and not text.startswith("[[")


def is_secure(declared: object) -> bool:
    """Return whether a parameter or an output is declared secure."""
    found = member(declared, "type")
    return found is not None and str(found[1]).lower() in _SECURE


def list_texts(path: Path, value: object) -> list[tuple[Path, str]]:
    """Every text below a value, with its path."""
    found: list[tuple[Path, str]] = []
    _gather_texts(path, value, found)
    return found


def _gather_texts(path: Path, value: object, found: list[tuple[Path, str]]) -> None:
    if isinstance(value, str):
        found.append((path, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            _gather_texts((*path, key), item, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _gather_texts((*path, index), item, found)


def find_member(value: object, path: Path, *names: str) -> tuple[Path, Any] | None:
    """A member of members by name, in any case, with its path; None where there is none."""
    for name in names:
        found = member(value, name)
        if found is None:
            return None
        path, value = (*path, found[0]), found[1]
    return path, value


def find_nested_template(path: Path, resource: dict[str, object]) -> tuple[Path, dict[str, object]] | None:
    """The template of a nested deployment, with its path."""
    found = find_member(resource, path, "properties", "template")
    return (found[0], found[1]) if found is not None and isinstance(found[1], dict) else None


def has_own_scope(resource: dict[str, object]) -> bool:
    """Return whether a nested deployment evaluates its expressions by itself."""
    found = find_member(resource, (), "properties", "expressionEvaluationOptions", "scope")
    return found is not None and str(found[1]).lower() == _OWN_SCOPE


def _list_resources(path: Path, value: object) -> Iterator[tuple[Path, dict[str, object]]]:
    steps: Any = (
        enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    )
    for step, item in steps:
        if isinstance(item, dict):
            yield (*path, step), item
            below = member(item, "resources")
            if below is not None:
                yield from _list_resources((*path, step, below[0]), below[1])
