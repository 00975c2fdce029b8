""".NET packages that Paket locked: paket.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "paket.lock"
PATTERNS = ("**/paket.lock",)

_ENTRY = re.compile(r" {4}(\S+) \(([^)\s]+)\).*")
_TYPES = {"NUGET": "nuget", "GITHUB": "github"}


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    section = group = ""
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.startswith("GROUP "):
            group = line.removeprefix("GROUP ").strip()
        elif line and not line[0].isspace():
            section = line.partition(":")[0].strip()
        elif (found := _ENTRY.fullmatch(line)) and section in _TYPES:
            yield Package(
                type=_TYPES[section],
                name=found[1],
                version=found[2],
                path=file.path,
                line=number,
                groups=(group,) if group else (),
            )
