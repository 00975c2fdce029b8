"""Formulae and casks of Homebrew: the receipt of each; its folder tells name and version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Homebrew receipt"
PATTERNS = (
    "**/Cellar/*/*/INSTALL_RECEIPT.json",
    "**/Caskroom/*/*/*.wrapper.sh",
    "**/Caskroom/*/*/source.properties",
    "**/Caskroom/*/*/*/source.properties",
    "**/Caskroom/*/.metadata/*/*/Casks/*.json",
)

_FORMULA = re.compile(r"(?:^|/)Cellar/([^/]+)/([^/]+)/INSTALL_RECEIPT\.json\Z")
_CASK = re.compile(r"(?:^|/)Caskroom/([^/]+)/(?:\.metadata/)?([^/]+)/")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the formula or cask; raises UnreadableInventoryError."""
    found = _FORMULA.search(file.path) or _CASK.search(file.path)
    if found is None:
        raise file.make_error("the path has no formula and no cask")
    yield Package(type="brew", name=found[1], version=found[2], path=file.path, line=1)
