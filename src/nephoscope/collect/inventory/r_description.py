"""R packages that are installed: the DESCRIPTION of each."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.control_paragraphs import parse_paragraphs
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "R package"
PATTERNS = ("**/R/library/*/DESCRIPTION", "**/R/site-library/*/DESCRIPTION")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    for paragraph in parse_paragraphs(file):
        name, version = paragraph.get("package"), paragraph.get("version")
        if not name or not version:
            raise file.make_error("the description has no Package or no Version")
        license_name = paragraph.get("license")
        yield Package(
            type="cran",
            name=name,
            version=version,
            path=file.path,
            line=paragraph.lines["package"],
            licenses=(license_name,) if license_name else (),
        )
        return
    raise file.make_error("the description is empty")
