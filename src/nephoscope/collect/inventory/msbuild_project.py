""".NET packages that a project asks for: project files and the common files of properties of MSBuild."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.files.xml_tree import XmlElement
from nephoscope.model.package import Package

TITLE = "MSBuild project"
PATTERNS = (
    "**/*.csproj",
    "**/*.fsproj",
    "**/*.vbproj",
    "**/Directory.Packages.props",
    "**/Packages.props",
    "**/Directory.Build.props",
)

_ITEMS = ("PackageReference", "PackageVersion", "GlobalPackageReference")
_PROPERTY = re.compile(r"\$\(([^()$]+)\)")
_LOWEST = re.compile(r"[\[(]?\s*([0-9][^,\])\s*]*)")
_EXACT = re.compile(r"\d[^\s,*\[\]()]*|\[\s*[^,\s]+\s*\]")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages whose version stands here; raises UnreadableInventoryError."""
    project = parse_xml_file(file)
    if project.name != "Project":
        raise file.make_error("the root element is not a Project", project.line)
    properties = {
        entry.name: entry.text.strip()
        for group in project.iterate_descendants("PropertyGroup")
        for entry in group.children
    }
    for kind in _ITEMS:
        for item in project.iterate_descendants(kind):
            yield from _build_package(file, item, properties)


def _build_package(file: InventoryFile, item: XmlElement, properties: dict[str, str]) -> Iterator[Package]:
    name = _fill_properties(item.attributes.get("Include") or item.attributes.get("Update") or "", properties)
    written = (
        item.attributes.get("VersionOverride") or item.attributes.get("Version") or item.get_text("Version")
    )
    version = _fill_properties(written, properties)
    if not name or not version or "$(" in name + version:
        file.record_left_out_entry(item.line, f"the package {name[:60]!r} has no version in this file")
        return
    lowest = _LOWEST.match(version)
    assets = item.attributes.get("PrivateAssets") or item.get_text("PrivateAssets")
    yield Package(
        type="nuget",
        name=name,
        version=lowest[1].rstrip(".") if lowest else "",
        path=file.path,
        line=item.line,
        relationship="declared",
        is_development=assets.lower() == "all",
        constraint="" if _EXACT.fullmatch(version) else version,
    )


def _fill_properties(text: str, properties: dict[str, str]) -> str:
    return _PROPERTY.sub(lambda found: properties.get(found[1], found[0]), text).strip()
