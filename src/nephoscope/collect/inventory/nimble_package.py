"""Nim packages that Nimble installed: the folder names the package and its version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Nimble package"
PATTERNS = ("**/.nimble/pkgs/*/*.nimble", "**/.nimble/pkgs2/*/*.nimble")

_FOLDER = re.compile(r"(?:^|/)pkgs2?/(.+?)-(\d[^-/]*)(?:-[0-9a-f]{40})?/[^/]+\.nimble\Z")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    found = _FOLDER.search(file.path)
    if found is None:
        raise file.make_error("the path has no package with a version")
    yield Package(type="nim", name=found[1], version=found[2], path=file.path, line=1)
