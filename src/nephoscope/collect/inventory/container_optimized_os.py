"""Packages of Container-Optimized OS: the list that the image brings along."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Container-Optimized OS packages"
PATTERNS = ("etc/cos-package-info.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages, not those that the image was built by; raises UnreadableInventoryError."""
    lines = KeyLines(file.text, of_strings=True)
    for entry in require_tables(require_table(parse_json(file)).get("installedPackages")):
        name = require_word(entry.get("name"))
        yield Package(
            type="cos",
            name=name,
            version=require_word(entry.get("version")),
            namespace="cos",
            distribution_version=file.system.version if file.system else "",
            path=file.path,
            line=lines.find_next(name),
            source_name=f"{require_word(entry.get('category'))}/{name}" if entry.get("category") else "",
            source_version=require_word(entry.get("ebuild_version")),
        )
