"""Windows packages that Chocolatey installed: the specification of each."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.xml_text import parse_xml_file
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Chocolatey package"
PATTERNS = ("**/chocolatey/lib/*/*.nuspec", "**/Chocolatey/lib/*/*.nuspec")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    metadata = parse_xml_file(file).find_first("metadata")
    name, version = (metadata.get_text("id"), metadata.get_text("version")) if metadata else ("", "")
    if not name or not version:
        raise file.make_error("the specification has no id or no version")
    yield Package(
        type="chocolatey", name=name, version=version, path=file.path, line=metadata.line if metadata else 1
    )
