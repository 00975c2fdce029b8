""".NET packages of older projects: packages.config."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "packages.config"
PATTERNS = ("**/packages.config", "**/packages.*.config")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    root = parse_xml_file(file)
    if root.name != "packages":
        raise file.make_error("the root element is not packages", root.line)
    for entry in root.children:
        name, version = entry.attributes.get("id", "").strip(), entry.attributes.get("version", "").strip()
        if not name or not version:
            file.record_left_out_entry(entry.line, "a package has no id or no version")
            continue
        is_development = entry.attributes.get("developmentDependency", "").lower() == "true"
        yield Package(
            type="nuget",
            name=name,
            version=version,
            path=file.path,
            line=entry.line,
            groups=("dev",) if is_development else (),
            is_development=is_development,
        )
