"""Tools that asdf installs: .tool-versions."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "asdf tools"
PATTERNS = ("**/.tool-versions",)

_NO_VERSIONS = ("system", "latest")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the tools with each version that they are wanted in; raises UnreadableInventoryError."""
    for number, line in enumerate(file.text.split("\n"), 1):
        name, *versions = line.partition("#")[0].split() or [""]
        for version in versions:
            if version in _NO_VERSIONS or version.startswith(("path:", "ref:")):
                file.record_left_out_entry(number, f"{version[:60]} is no version")
                continue
            yield Package(
                type="asdf", name=name, version=version, path=file.path, line=number, relationship="declared"
            )
