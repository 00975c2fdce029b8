"""npm packages that an extension of Visual Studio Code carries along: a VSIX archive."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.archives import open_archive
from nephoscope.collect.inventory.formats.json_text import parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table
from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError
from nephoscope.collect.inventory.package_json import parse_npm_package
from nephoscope.model.package import Package

TITLE = "Visual Studio Code extension archive"
PATTERNS = ("**/*.vsix",)
MAX_SIZE = 512_000_000

_MANIFEST = re.compile(r"(?:.*/)?node_modules/(?:@[^/]+/)?[^/]+/package\.json")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages below node_modules; raises UnreadableInventoryError."""
    with open_archive(file) as archive:
        for name in archive.names():
            if not _MANIFEST.fullmatch(name):
                continue
            inner = InventoryFile(f"{file.path}/{name}", archive.read(name))
            try:
                found = parse_npm_package(inner, require_table(parse_json(inner)))
            except UnreadableInventoryError as error:
                file.record_left_out_entry(1, str(error))
                continue
            if found is not None:
                yield found
