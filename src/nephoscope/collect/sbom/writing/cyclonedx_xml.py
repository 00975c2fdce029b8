"""CycloneDX 1.6 in XML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from nephoscope.collect.sbom.cyclonedx.xml_to_json import NAMESPACE
from nephoscope.collect.sbom.writing.cyclonedx_tree import cyclonedx_tree
from nephoscope.collect.sbom.writing.document_metadata import WrittenAs
from nephoscope.model.package import Package

#: What XML 1.0 cannot hold.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_cyclonedx_xml(packages: Sequence[Package], written_as: WrittenAs) -> bytes:
    """Write packages as a bill of CycloneDX 1.6 in XML; characters that XML cannot hold become U+FFFD."""
    tree = cyclonedx_tree(packages, written_as)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<bom xmlns="{NAMESPACE}1.6" serialNumber={_quote(tree["serialNumber"])} version="1">',
        *_metadata(tree["metadata"]),
        *_write_list("components", (_component("component", one) for one in tree["components"])),
        *_write_list("dependencies", (_dependency(one) for one in tree["dependencies"])),
        "</bom>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _replace_forbidden(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _quote(text: str) -> str:
    return quoteattr(_replace_forbidden(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(_replace_forbidden(text), {chr(13): '&#13;'})}</{name}>"


def _write_list(name: str, items: Iterator[list[str]]) -> Iterator[str]:
    """Give an element around the lines of its items."""
    yield f"<{name}>"
    for item in items:
        yield from item
    yield f"</{name}>"


def _metadata(metadata: dict[str, Any]) -> Iterator[str]:
    yield "<metadata>"
    yield _leaf("timestamp", metadata["timestamp"])
    tools = metadata["tools"]["components"]
    yield from [
        "<tools>",
        *_write_list("components", (_component("component", one) for one in tools)),
        "</tools>",
    ]
    yield from _write_list(
        "authors", (["<author>", _leaf("name", one["name"]), "</author>"] for one in metadata["authors"])
    )
    yield from _component("component", metadata["component"])
    yield "</metadata>"


def _component(element: str, component: dict[str, Any]) -> list[str]:
    """Return the lines of a component, in the order of the schema."""
    reference = f" bom-ref={_quote(component['bom-ref'])}" if "bom-ref" in component else ""
    lines = [f"<{element} type={_quote(component['type'])}{reference}>"]
    lines += [_leaf(key, component[key]) for key in ("group", "name", "version") if key in component]
    if "licenses" in component:
        lines += _write_list("licenses", ([_license(one)] for one in component["licenses"]))
    lines += [_leaf(key, component[key]) for key in ("cpe", "purl") if key in component]
    if "properties" in component:
        lines += _write_list("properties", ([_property(one)] for one in component["properties"]))
    return [*lines, f"</{element}>"]


def _license(choice: dict[str, Any]) -> str:
    if "expression" in choice:
        return _leaf("expression", choice["expression"])
    key, value = next(iter(choice["license"].items()))
    return f"<license>{_leaf(key, value)}</license>"


def _property(one: dict[str, str]) -> str:
    return f"<property name={_quote(one['name'])}>{escape(_replace_forbidden(one['value']))}</property>"


def _dependency(one: dict[str, Any]) -> list[str]:
    needed = [f"<dependency ref={_quote(each)}/>" for each in one["dependsOn"]]
    return [f"<dependency ref={_quote(one['ref'])}>", *needed, "</dependency>"]
