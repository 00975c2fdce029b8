"""Ports of macOS that MacPorts installed: the folder of the registry names each with its version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "MacPorts port"
PATTERNS = ("**/macports/registry/portfiles/*/*/Portfile",)

_FOLDER = re.compile(r"(?:^|/)portfiles/(.+)-([^-/]+_\d+)/[^/]+/Portfile\Z")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the port; raises UnreadableInventoryError."""
    found = _FOLDER.search(file.path)
    if found is None:
        raise file.make_error("the path has no port with a version")
    yield Package(type="macports", name=found[1], version=found[2].rpartition("_")[0], path=file.path, line=1)
