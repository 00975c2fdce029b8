"""Versions of template specs: in the files of a repository, else from a lookup of the caller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from nephoscope.collect.templates.arm.template_repository import Repository
from nephoscope_policy.arm.template import TemplateDocument, TemplateError
from nephoscope_policy.arm.template.document import Path, member
from nephoscope_policy.arm.template.linked_templates import unescape_texts
from nephoscope_policy.arm.text_patterns import format_pattern, is_open

SpecLookup: TypeAlias = Callable[[str], Mapping[str, object] | None]
"""Gives the body of a version by its lower-cased id, None where it is not known."""
_SPEC = "microsoft.resources/templatespecs"
_VERSION = f"{_SPEC}/versions"
_MARK = f"/providers/{_SPEC}/"
_MAIN = b"maintemplate"
_LISTS = ("value", "data", "resources")
_DEPTH = 8


def is_template_spec(name: str) -> bool:
    """Return whether a link names the id of a template spec."""
    return name.startswith("/") and _MARK in name.lower()


class TemplateSpecs(msgspec.Struct):
    """The versions of template specs that files of a repository hold: as Azure gives them, and in templates that make them.

    A version that a template makes is found by a name that is written out. `elsewhere` is asked for those that no file holds.
    """

    repository: Repository
    names: Iterable[str]
    elsewhere: SpecLookup | None = None
    _held: list[tuple[str, TemplateDocument]] | None = None
    _found: dict[str, TemplateDocument | None] = msgspec.field(default_factory=dict)

    def find(self, id_: str) -> TemplateDocument | None:
        """Give the version of an id, of which parts may be open; None where there is none."""
        if id_ not in self._found:
            self._found[id_] = self._find_in_files(id_) or self._look_up_spec(id_)
        return self._found[id_]

    def _find_in_files(self, id_: str) -> TemplateDocument | None:
        if self._held is None:
            self._held = list(self._read_specs())
        return next((one for key, one in self._held if _may_be(id_.lower(), key)), None)

    def _look_up_spec(self, id_: str) -> TemplateDocument | None:
        body = self.elsewhere(id_.lower()) if self.elsewhere is not None and not is_open(id_) else None
        return None if body is None else TemplateDocument.parse(msgspec.json.encode(body), id_)

    def _read_specs(self) -> Iterator[tuple[str, TemplateDocument]]:
        for name in sorted(self.names):
            held = self.repository.load(name) if name.lower().endswith((".json", ".jsonc")) else None
            if held is None or _MAIN not in held.lower():
                continue
            try:
                document = self.repository.get_document(name)
            except TemplateError:
                continue  # whoever judges the file says what is wrong with it
            yield from _read_versions(document, (), document.value, "", _DEPTH)


def _read_versions(
    document: TemplateDocument, path: Path, node: object, spec: str, depth: int
) -> Iterator[tuple[str, TemplateDocument]]:
    """The versions in a part of a document with their ids; `spec` is the name of the template spec that it is part of."""
    if not isinstance(node, dict) or depth < 0:
        return
    held = _read_text(node, "id").lower()
    if _MARK in held and _has_template(node):
        yield held, document.make_part(path, node) if path else document
        return
    type_, name = _read_text(node, "type").lower(), _read_text(node, "name").lower()
    if type_ == _VERSION or (spec and type_ == "versions"):
        of, _, version = (name if type_ == _VERSION else f"{spec}/{name}").partition("/")
        yield f"{_MARK}{of}/versions/{version}", document.make_part(path, unescape_texts(node))
        return
    for key in _LISTS:
        yield from _read_members(document, path, node, key, name if type_ == _SPEC else "", depth)


def _read_members(
    document: TemplateDocument, path: Path, node: dict[str, object], key: str, spec: str, depth: int
) -> Iterator[tuple[str, TemplateDocument]]:
    found = member(node, key)
    if found is None or not isinstance(found[1], dict | list):
        return
    members = found[1].items() if isinstance(found[1], dict) else enumerate(found[1])
    for step, item in members:
        yield from _read_versions(document, (*path, found[0], step), item, spec, depth - 1)


def _has_template(node: dict[str, object]) -> bool:
    properties = member(node, "properties")
    return any(
        member(one, "mainTemplate") is not None for one in (node, properties[1] if properties else None)
    )


def _read_text(node: dict[str, Any], name: str) -> str:
    found = member(node, name)
    return found[1] if found is not None and isinstance(found[1], str) else ""


def _may_be(wanted: str, key: str) -> bool:
    """Return whether a lower-cased id with open parts can be the id of a version; a version without a scope matches any scope."""
    where, _, version = wanted.partition(_MARK)
    around, _, held = key.partition(_MARK)
    if version != held:
        return False
    parts, others = where.split("/"), around.split("/")
    if not around or len(parts) != len(others):
        return not around
    return all(one == other or "{" in format_pattern(one) for one, other in zip(parts, others, strict=True))
