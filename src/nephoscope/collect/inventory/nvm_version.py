"""The version of Node.js that a project wants: .nvmrc and .node-version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Node.js version"
PATTERNS = ("**/.nvmrc", "**/.node-version")

_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give Node.js; names of releases such as `lts/*` are left out."""
    for number, line in enumerate(file.text.split("\n"), 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        found = _VERSION.fullmatch(text)
        if found is None:
            file.record_left_out_entry(number, f"{text[:60]} is no version")
            return
        is_exact = found[1].count(".") == 2
        yield Package(
            type="nvm",
            name="nodejs",
            version=found[1],
            path=file.path,
            line=number,
            relationship="declared",
            constraint="" if is_exact else found[1],
        )
        return
