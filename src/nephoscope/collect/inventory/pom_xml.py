"""Java libraries that a Maven project asks for: pom.xml by itself, without what its parents add."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.files.xml_tree import XmlElement
from nephoscope.model.package import Package

TITLE = "pom.xml"
PATTERNS = ("**/pom.xml", "**/*.pom")

_PROPERTY = re.compile(r"\$\{([^{}$]+)\}")
_LOWEST = re.compile(r"[\[(]\s*([^,\])\s]+)?")
#: How often properties that hold properties are filled in.
_ROUNDS = 10


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the project and its dependencies; raises UnreadableInventoryError."""
    project = parse_xml_file(file)
    if project.name != "project":
        raise file.make_error("the root element is not a project", project.line)
    properties = _read_properties(project)
    yield from _build_project(file, project, properties)
    managed = {
        _read_coordinates(entry, properties): _fill_properties(entry.get_text("version"), properties)
        for entry in _list_dependencies(project.find_first("dependencyManagement", "dependencies"))
    }
    found: dict[tuple[str, str], Package] = {}
    for entry in _list_dependencies(project.find_first("dependencies")):
        group, artifact = _read_coordinates(entry, properties)
        if not group or not artifact:
            file.record_left_out_entry(entry.line, "a dependency has no groupId or no artifactId")
            continue
        version = _fill_properties(entry.get_text("version"), properties) or managed.get(
            (group, artifact), ""
        )
        found[group, artifact] = _build_package(file, entry, f"{group}:{artifact}", version)
    yield from found.values()


def _list_dependencies(element: XmlElement | None) -> list[XmlElement]:
    return [child for child in element.children if child.name == "dependency"] if element else []


def _read_properties(project: XmlElement) -> dict[str, str]:
    element = project.find_first("properties")
    found = {child.name: child.text.strip() for child in (element.children if element else ())}
    parent = project.find_first("parent")
    for name in ("groupId", "artifactId", "version"):
        own = project.get_text(name)
        inherited = parent.get_text(name) if parent else ""
        for prefix in ("project.", "pom.", ""):
            found.setdefault(prefix + name, own or (inherited if name != "artifactId" else ""))
        found.setdefault(f"project.parent.{name}", inherited)
    return found


def _fill_properties(text: str, properties: dict[str, str]) -> str:
    for _ in range(_ROUNDS):
        filled = _PROPERTY.sub(lambda found: properties.get(found[1].strip(), found[0]), text)[:1000]
        if filled == text:
            break
        text = filled
    return text


def _read_coordinates(entry: XmlElement, properties: dict[str, str]) -> tuple[str, str]:
    return _fill_properties(entry.get_text("groupId"), properties), _fill_properties(
        entry.get_text("artifactId"), properties
    )


def _build_project(file: InventoryFile, project: XmlElement, properties: dict[str, str]) -> Iterator[Package]:
    group, version = (
        _fill_properties(properties["project.groupId"], properties),
        _fill_properties(properties["project.version"], properties),
    )
    artifact = project.get_text("artifactId")
    if group and artifact:
        yield Package(
            type="maven",
            name=f"{group}:{artifact}",
            version=version,
            path=file.path,
            line=project.line,
            relationship="root",
        )


def _build_package(file: InventoryFile, entry: XmlElement, name: str, version: str) -> Package:
    scope = entry.get_text("scope")
    lowest = _LOWEST.match(version)
    is_open = lowest is not None or not version or "${" in version
    return Package(
        type="maven",
        name=name,
        version="" if "${" in version else (lowest[1] or "") if lowest else version,
        path=file.path,
        line=entry.line,
        groups=(scope,) if scope and scope != "compile" else (),
        is_development=scope == "test",
        relationship="declared",
        constraint=(version or "*") if is_open else "",
    )
