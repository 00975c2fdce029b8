"""CycloneDX 1.6 in XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from nephoscope.collect.sbom.cyclonedx.xml_to_json import NAMESPACE
from nephoscope.collect.sbom.writing.cyclonedx_tree import build_cyclonedx_tree
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs
from nephoscope.model.package import Package

#: What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_cyclonedx_xml(packages: Sequence[Package], written_as: WrittenAs) -> bytes:
    """Write packages as a bill of CycloneDX 1.6 in XML; characters that XML cannot hold become U+FFFD."""
    tree = build_cyclonedx_tree(packages, written_as)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<bom xmlns="{NAMESPACE}1.6" serialNumber={_quote_attribute(tree["serialNumber"])} version="1">',
        *_format_metadata(tree["metadata"]),
        *_write_list("components", (_format_component("component", one) for one in tree["components"])),
        *_write_list("dependencies", (_format_dependency(one) for one in tree["dependencies"])),
        "</bom>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _replace_forbidden(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _quote_attribute(text: str) -> str:
    return quoteattr(_replace_forbidden(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _format_leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(_replace_forbidden(text), {chr(13): '&#13;'})}</{name}>"


def _write_list(name: str, items: Iterator[list[str]]) -> Iterator[str]:
    """Give an element around the lines of its items."""
    yield f"<{name}>"
    for item in items:
        yield from item
    yield f"</{name}>"


def _format_metadata(metadata: dict[str, Any]) -> Iterator[str]:
    yield "<metadata>"
    yield _format_leaf("timestamp", metadata["timestamp"])
    tools = metadata["tools"]["components"]
    yield from [
        "<tools>",
        *_write_list("components", (_format_component("component", one) for one in tools)),
        "</tools>",
    ]
    yield from _write_list(
        "authors",
        (["<author>", _format_leaf("name", one["name"]), "</author>"] for one in metadata["authors"]),
    )
    yield from _format_component("component", metadata["component"])
    yield "</metadata>"


def _format_component(element: str, component: dict[str, Any]) -> list[str]:
    """Return the lines of a component, in the order of the schema."""
    reference = f" bom-ref={_quote_attribute(component['bom-ref'])}" if "bom-ref" in component else ""
    lines = [f"<{element} type={_quote_attribute(component['type'])}{reference}>"]
    lines += [_format_leaf(key, component[key]) for key in ("group", "name", "version") if key in component]
    if "licenses" in component:
        lines += _write_list("licenses", ([_format_license(one)] for one in component["licenses"]))
    lines += [_format_leaf(key, component[key]) for key in ("cpe", "purl") if key in component]
    if "properties" in component:
        lines += _write_list("properties", ([_format_property(one)] for one in component["properties"]))
    return [*lines, f"</{element}>"]


def _format_license(choice: dict[str, Any]) -> str:
    if "expression" in choice:
        return _format_leaf("expression", choice["expression"])
    key, value = next(iter(choice["license"].items()))
    return f"<license>{_format_leaf(key, value)}</license>"


def _format_property(one: dict[str, str]) -> str:
    return f"<property name={_quote_attribute(one['name'])}>{escape(_replace_forbidden(one['value']))}</property>"


def _format_dependency(one: dict[str, Any]) -> list[str]:
    needed = [f"<dependency ref={_quote_attribute(each)}/>" for each in one["dependsOn"]]
    return [f"<dependency ref={_quote_attribute(one['ref'])}>", *needed, "</dependency>"]
