"""Lua packages by their rock specification; the file is read as text, never run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "rock specification"
PATTERNS = ("**/*.rockspec",)

_FIELD = re.compile(r"""^[ \t]*(package|version)\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_FILE_NAME = re.compile(r"(.+)-(\d[^-]*-\d+)\.rockspec")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; where a field is computed, of the file's name. Raises UnreadableInventoryError."""
    fields = dict(reversed(_FIELD.findall(file.text)))
    named = _FILE_NAME.fullmatch(file.name)
    name = fields.get("package") or (named[1] if named else "")
    version = fields.get("version") or (named[2] if named else "")
    if not name or not version:
        raise file.make_error("the specification has no package or no version")
    at = file.text.find("package")
    line = file.text.count("\n", 0, at) + 1 if at >= 0 else 1
    yield Package(type="luarocks", name=name, version=version, path=file.path, line=line)
