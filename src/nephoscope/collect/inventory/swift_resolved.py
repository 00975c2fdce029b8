"""Swift packages that were resolved: Package.resolved of the versions 1 to 3."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Package.resolved"
PATTERNS = ("**/Package.resolved",)

_VERSION = re.compile(r"v?\d+(?:\.\d+)+")
_ADDRESS = re.compile(r"(?:[a-z+]+://)?(?:[^@/]+@)?([^:/]+)[:/]+(.+?)(?:\.git)?/?")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages by their address; a branch is a version where it is named like one; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    lines = KeyLines(file.text, of_strings=True)
    for pin in require_tables(document.get("pins") or require_table(document.get("object")).get("pins")):
        address = require_word(pin.get("location")) or require_word(pin.get("repositoryURL"))
        found = _ADDRESS.fullmatch(address) if len(address) <= 2_000 else None
        yield Package(
            type="swift",
            name=f"{found[1]}/{found[2]}"
            if found
            else require_word(pin.get("identity")) or require_word(pin.get("package")),
            version=_read_version(require_table(pin.get("state"))),
            path=file.path,
            line=lines.find_next(address),
        )


def _read_version(state: dict[str, object]) -> str:
    branch = require_word(state.get("branch"))
    return require_word(state.get("version")) or (branch if _VERSION.fullmatch(branch) else "")
