"""Java libraries whose checksums Gradle verifies: verification-metadata.xml."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gradle verification metadata"
PATTERNS = ("**/gradle/verification-metadata.xml",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the libraries; raises UnreadableInventoryError."""
    root = parse_xml_file(file)
    components = root.find_first("components")
    for component in components.children if components else ():
        group, name, version = (
            component.attributes.get(key, "").strip() for key in ("group", "name", "version")
        )
        if not group or not name or not version:
            file.record_left_out_entry(component.line, "a component has no group, no name or no version")
            continue
        yield Package(
            type="maven", name=f"{group}:{name}", version=version, path=file.path, line=component.line
        )
