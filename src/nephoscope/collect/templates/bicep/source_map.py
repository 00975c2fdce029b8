"""Source map: from parts of a compiled template to characters of the Bicep file.

Symbolic names tell the resources; without them a resource is known by its type and version, its name as it is written, and its place
among its like: the compiler keeps their order. What is not known has no mark, and a finding there stands at what surrounds it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nephoscope.collect.templates.bicep.bicep_source import BicepDeclaration, BicepNode, BicepSource
from nephoscope_policy.arm.json_text import TextMark

_DEPLOYMENTS = "microsoft.resources/deployments"
_MODULE = "module"
_SECTIONS = {"parameters": "param", "variables": "var", "outputs": "output"}
_INNER = {"parameters": "defaultValue", "outputs": "value"}
_START = TextMark(0, 0)


def build_template_mark(source: BicepSource, template: Mapping[str, Any]) -> TextMark:
    """The marks of a template that was compiled from a Bicep file."""
    members = {
        section: (0, _mark_section(source, section, template[section]))
        for section in _SECTIONS
        if isinstance(template.get(section), dict)
    }
    resources = template.get("resources")
    if isinstance(resources, dict | list):
        members["resources"] = (0, _mark_resources(source, resources))
    return TextMark(0, 0, members)


def build_parameters_mark(source: BicepSource, document: Mapping[str, object]) -> TextMark:
    """The marks of a parameters file that was compiled from a `.bicepparam` file."""
    given = document.get("parameters")
    found = given if isinstance(given, dict) else {}
    members = {}
    for one in source.find_declarations("param"):
        value = found.get(one.name)
        if isinstance(value, dict) and one.value is not None:
            below = {key: (one.value.start, _mark_value(item, one.value)) for key, item in value.items()}
            members[one.name] = (one.start, TextMark(one.start, one.end, below))
    return TextMark(0, 0, {"parameters": (0, TextMark(0, 0, members))})


def match_declarations(
    source: BicepSource, resources: object
) -> Iterator[tuple[str | int, Any, BicepDeclaration]]:
    """The resources of a compiled template with their declarations: key or index, JSON, declaration; unknown ones are left out."""
    declared = list(_match_declarations(source.find_declarations("resource", "module"), "", ""))
    if isinstance(resources, dict):
        symbols = {symbol: one for symbol, _, one in declared}
        for symbol, item in resources.items():
            if symbol in symbols and isinstance(item, dict):
                yield symbol, item, symbols[symbol]
        return
    waiting: dict[str, list[BicepDeclaration]] = defaultdict(list)
    for _, kind, one in declared:
        if not one.existing:
            waiting[kind].append(one)
    emitted: dict[str, list[tuple[int, object]]] = defaultdict(list)
    for index, item in enumerate(resources if isinstance(resources, list) else []):
        if isinstance(item, dict):
            emitted[_get_declaration_kind(item)].append((index, item))
    for kind, items in emitted.items():
        yield from _pair_items(source, items, waiting.get(kind, []))


def is_module(resource: Mapping[str, object]) -> bool:
    """Return whether a compiled resource is the deployment of a module, with the module's template in it."""
    properties = resource.get("properties")
    inner = properties.get("template") if isinstance(properties, dict) else None
    return str(resource.get("type", "")).lower() == _DEPLOYMENTS and isinstance(inner, dict)


def _match_declarations(
    declarations: Iterable[BicepDeclaration], symbol: str, parent: str
) -> Iterator[tuple[str, str, BicepDeclaration]]:
    """Resources and modules with those inside of them: symbolic name, kind, declaration."""
    for one in declarations:
        name, _, version = one.type.lower().partition("@")
        outer, _, outer_version = parent.partition("@")
        kind = f"{outer}/{name}@{version or outer_version}" if parent else f"{name}@{version}"
        own = f"{symbol}::{one.name}" if symbol else one.name
        yield own, _MODULE if one.kind == "module" else kind, one
        if one.value is not None:
            yield from _match_declarations(one.value.inner.children, own, kind)


def _get_declaration_kind(item: Mapping[str, object]) -> str:
    return _MODULE if is_module(item) else f"{item.get('type', '')}@{item.get('apiVersion', '')}".lower()


def _pair_items(
    source: BicepSource, items: list[tuple[int, Any]], declared: list[BicepDeclaration]
) -> Iterator[tuple[int, object, BicepDeclaration]]:
    if len(items) == len(declared):
        yield from ((index, item, one) for (index, item), one in zip(items, declared, strict=True))
        return
    for index, item in items:
        named = [one for one in declared if _is_declaration_named(source, one, str(item.get("name", "")))]
        if len(named) == 1:
            yield index, item, named[0]


def _is_declaration_named(source: BicepSource, one: BicepDeclaration, name: str) -> bool:
    """Return whether a compiled name is that of a declaration: the literal one, or the one that the compiler makes of
    a module's symbol."""
    written = (one.value.inner.members or {}).get("name") if one.value is not None else None
    if written is None:
        return f"uniqueString('{one.name}'" in name
    return source.text[written[1].start : written[1].end] == f"'{name}'"


def _mark_section(source: BicepSource, section: str, compiled: Mapping[str, object]) -> TextMark:
    members = {}
    for one in source.find_declarations(_SECTIONS[section]):
        item = compiled.get(one.name)
        if item is None or one.value is None:
            mark = TextMark(one.start, one.end)
        elif section in _INNER:
            inner = _INNER[section]
            below = item.get(inner) if isinstance(item, dict) else None
            mark = TextMark(one.start, one.end, {inner: (one.value.start, _mark_value(below, one.value))})
        else:
            mark = _mark_value(item, one.value)
        members[one.name] = (one.start, mark)
    return TextMark(0, 0, members)


def _mark_resources(source: BicepSource, resources: dict[str, object] | list[object]) -> TextMark:
    found = {key: _mark_resource(item, one) for key, item, one in match_declarations(source, resources)}
    if isinstance(resources, dict):
        return TextMark(0, 0, {str(key): (mark.start, mark) for key, mark in found.items()})
    return TextMark(0, 0, elements=[found.get(index, _START) for index in range(len(resources))])


def _mark_resource(item: Mapping[str, object], one: BicepDeclaration) -> TextMark:
    quoted = (one.quoted[0], TextMark(*one.quoted))
    members = {name: quoted for name in ("type", "apiVersion") if name in item}
    if one.value is not None:
        members |= _mark_value(item, one.value).members or {}
        members |= _mark_directives(item, one.value)
        if one.kind == "module":
            members["properties"] = (one.start, _mark_module_properties(item, one, one.value))
    return TextMark(one.start, one.end, members)


def _mark_directives(item: Mapping[str, object], value: BicepNode) -> dict[str, tuple[int, TextMark]]:
    """The marks of what makes a resource conditional or repeats it."""
    found = {}
    node: BicepNode | None = value
    while node is not None:
        if node.condition is not None and "condition" in item:
            mark = TextMark(node.condition.start, node.condition.end)
            found["condition"] = (mark.start, mark)
        elif node.body is not None and "copy" in item:
            found["copy"] = (node.start, TextMark(node.start, node.end))
        node = node.body
    return found


def _mark_module_properties(item: Mapping[str, object], one: BicepDeclaration, value: BicepNode) -> TextMark:
    properties = item.get("properties")
    compiled = properties.get("parameters") if isinstance(properties, dict) else None
    written = (value.inner.members or {}).get("params")
    members = {"templateLink": (one.quoted[0], TextMark(*one.quoted))}
    if written is not None and isinstance(compiled, dict):
        below = {}
        for name, (key, node) in (written[1].inner.members or {}).items():
            given = compiled.get(name)
            inner = (
                {part: (node.start, _mark_value(each, node)) for part, each in given.items()}
                if isinstance(given, dict)
                else {}
            )
            below[name] = (key, TextMark(node.start, node.end, inner))
        members["parameters"] = (written[0], TextMark(written[1].start, written[1].end, below))
    return TextMark(one.start, one.end, members)


def _mark_value(value: object, node: BicepNode) -> TextMark:
    """The marks of a compiled value, as far as it has the shape of what is written."""
    node = node.inner
    if isinstance(value, dict) and node.members is not None:
        members = {
            key: (at, _mark_value(value[key], one)) for key, (at, one) in node.members.items() if key in value
        }
        if isinstance(value.get("copy"), list) and "copy" not in node.members:
            members["copy"] = (node.start, _mark_loops(value["copy"], node))
        return TextMark(node.start, node.end, members)
    if isinstance(value, list) and node.elements is not None and len(value) == len(node.elements):
        elements = [_mark_value(item, one) for item, one in zip(value, node.elements, strict=True)]
        return TextMark(node.start, node.end, elements=elements)
    return TextMark(node.start, node.end)


def _mark_loops(copies: list[object], node: BicepNode) -> TextMark:
    """The marks of the loops that members of an object were compiled to."""
    elements = []
    for one in copies:
        name = one.get("name") if isinstance(one, dict) else None
        at, written = (node.members or {}).get(str(name), (node.start, node))
        below = {"input": (at, _mark_value(one.get("input"), written))} if isinstance(one, dict) else {}
        elements.append(TextMark(written.start, written.end, below))
    return TextMark(node.start, node.end, elements=elements)
