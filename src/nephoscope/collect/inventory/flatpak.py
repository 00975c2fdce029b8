"""Applications of Flatpak: the metadata that each exports."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Flatpak metadata"
PATTERNS = (
    "var/lib/flatpak/app/*/*/*/*/export/share/metainfo/*.xml",
    "**/flatpak/app/*/*/*/*/export/share/metainfo/*.xml",
)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the application with its newest release; raises UnreadableInventoryError."""
    component = parse_xml_file(file)
    name = component.get_text("id")
    release = component.find_first("releases", "release")
    version = release.attributes.get("version", "") if release else ""
    if not name or not version:
        raise file.make_error("the metadata has no id or no release")
    license_name = component.get_text("project_license")
    yield Package(
        type="flatpak",
        name=name,
        version=version,
        path=file.path,
        line=release.line if release else 1,
        licenses=(license_name,) if license_name else (),
    )
