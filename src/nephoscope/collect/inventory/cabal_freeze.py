"""Haskell packages that Cabal froze: cabal.project.freeze."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "cabal.project.freeze"
PATTERNS = ("**/cabal.project.freeze",)

_FROZEN = re.compile(r"(?:any\.)?([A-Za-z0-9][A-Za-z0-9-]*)\s+==\s*(\d[\d.]*)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the frozen packages; raises UnreadableInventoryError."""
    for number, line in enumerate(file.text.split("\n"), 1):
        if not line.lstrip().startswith("--") and (found := _FROZEN.search(line)):
            yield Package(type="hackage", name=found[1], version=found[2], path=file.path, line=number)
