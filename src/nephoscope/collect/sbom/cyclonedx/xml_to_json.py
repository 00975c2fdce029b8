"""The XML of CycloneDX as the tree that its JSON is."""

from __future__ import annotations

from nephoscope.collect.sbom.bill_of_materials import Defect
from nephoscope.files.json_tree import Tree
from nephoscope.files.xml_tree import XmlElement

NAMESPACE = "http://cyclonedx.org/schema/bom/"
#: The extension that wrote dependencies before the specification had them.
_GRAPH = "http://cyclonedx.org/schema/ext/dependency-graph/1.0"

#: Elements that hold a list, with the names of its items.
_LISTS: dict[str, frozenset[str]] = {
    "advisories": frozenset({"advisory"}),
    "affects": frozenset({"target"}),
    "authors": frozenset({"author"}),
    "components": frozenset({"component"}),
    "cwes": frozenset({"cwe"}),
    "dependencies": frozenset({"dependency"}),
    "endpoints": frozenset({"endpoint"}),
    "externalReferences": frozenset({"reference"}),
    "hashes": frozenset({"hash"}),
    "licenses": frozenset({"license", "expression"}),
    "properties": frozenset({"property"}),
    "ratings": frozenset({"rating"}),
    "references": frozenset({"reference"}),
    "responses": frozenset({"response"}),
    "services": frozenset({"service"}),
    "versions": frozenset({"version"}),
    "vulnerabilities": frozenset({"vulnerability"}),
}
#: Lists that JSON names otherwise.
_RENAMED = {"responses": "response"}


def read_version(root: XmlElement) -> str:
    """Return the version that the namespace of the root says, '' where it is none of CycloneDX."""
    return (
        root.namespace.removeprefix(NAMESPACE)
        if root.namespace.startswith(NAMESPACE) and root.name == "bom"
        else ""
    )


def convert_xml(root: XmlElement) -> Tree:
    """Return the tree of a document."""
    tree = _read_object(root)
    tree["specVersion"] = read_version(root)
    return tree


def find_extension_defects(root: XmlElement) -> tuple[Defect, ...]:
    """Return what the extension of dependencies, which no schema of the specification checks, lacks: each names a component."""
    found, waiting = [], [root]
    while waiting:
        element = waiting.pop()
        waiting += element.children
        if element.namespace == _GRAPH and element.name == "dependency" and not element.attributes.get("ref"):
            found.append(
                Defect("cyclonedx-dependency-graph", f"line {element.line}", "the dependency has no ref")
            )
    return tuple(found)


def _read_object(element: XmlElement) -> Tree:
    """Return an element as an object: its attributes, and its children by name."""
    tree: Tree = dict(element.attributes)
    for child in element.children:
        if child.namespace in {element.namespace, _GRAPH}:
            tree[_RENAMED.get(child.name, child.name)] = _convert_element(child)
    return tree


def _convert_element(element: XmlElement) -> object:
    """Return an element as a list, a text or an object."""
    items = _LISTS.get(element.name)
    if items:
        return [_read_item(child) for child in element.children if child.name in items]
    if element.children or element.attributes:
        return _read_object(element)
    return element.text


def _read_item(element: XmlElement) -> object:
    """Return an item of a list as JSON has it."""
    if element.name == "dependency":
        needed = [one.attributes.get("ref", "") for one in element.iterate_children("dependency")]
        return {"ref": element.attributes.get("ref", ""), "dependsOn": needed}
    if element.name == "expression":
        return {"expression": element.text}
    if element.name == "license":
        return {"license": _read_object(element)}
    if element.name == "property":
        return {"name": element.attributes.get("name", ""), "value": element.text}
    if element.name == "cwe":
        return (
            int(element.text)
            if element.text.isascii() and element.text.isdigit() and len(element.text) < 10
            else element.text
        )
    if element.children or element.attributes:
        return _read_object(element) | ({"content": element.text} if element.text else {})
    # an empty element is an empty object, or an empty text: both say nothing
    return element.text
