"""Go packages that dep locked: Gopkg.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gopkg.lock"
PATTERNS = ("**/Gopkg.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked projects, with '' for the version of those of a branch or commit; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "projects", "name")
    for number, entry in enumerate(require_tables(parse_toml(file).get("projects"))):
        version = require_word(entry.get("version"))
        yield Package(
            type="golang",
            name=require_word(entry.get("name")),
            version=f"v{version}" if version[:1].isdigit() else version,
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
        )
