"""Packages that a bill of materials beside them lists: CycloneDX, SPDX and the other formats that are read."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "bill of materials"
PATTERNS = (
    "**/*.spdx",
    "**/*.spdx.json",
    "**/*.spdx.yml",
    "**/*.spdx.yaml",
    "**/.spdx.*.json",
    "**/*.cdx.json",
    "**/*.cdx.xml",
    "**/bom.json",
    "**/bom.xml",
)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, at the place of the bill where it names none; raises UnreadableInventoryError."""
    # the formats of bills are loaded where there is one
    from nephoscope.collect.sbom.bill_of_materials import UnreadableBillError
    from nephoscope.collect.sbom.sbom_reader import read_bill

    try:
        bill = read_bill(file.path, file.content)
    except UnreadableBillError as error:
        raise file.make_error(str(error), getattr(error, "line", 1) or 1) from error
    for package in bill.packages():
        yield package if package.path else replace(package, path=file.path)
