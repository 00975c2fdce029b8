"""Packages of Gentoo: the PF file of each in Portage's database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Portage database"
PATTERNS = ("var/db/pkg/*/*/PF",)

_PF = re.compile(r"([A-Za-z0-9_][A-Za-z0-9+_-]*?)-(\d[\w.]*(?:-r\d+)?)")
_CATEGORY = re.compile(r"(?:^|/)var/db/pkg/([^/]+)/[^/]+/PF\Z")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    found = _PF.fullmatch(file.text.strip())
    if found is None:
        raise file.make_error("a name and a version, divided by `-`, are expected")
    category = _CATEGORY.search(file.path)
    yield Package(
        type="portage",
        name=f"{category[1]}/{found[1]}" if category else found[1],
        version=found[2],
        namespace="gentoo",
        path=file.path,
        line=1,
    )
