"""Python packages of the common lock file: pylock.toml, as PEP 751 has it."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pylock.toml"
PATTERNS = ("**/pylock.toml", "**/pylock.*.toml")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, with '' for the version of those that stand in a folder; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "packages", "name")
    entries = require_tables(parse_toml(file).get("packages"))
    versions = {require_word(entry.get("name")): require_word(entry.get("version")) for entry in entries}
    for number, entry in enumerate(entries):
        names = (require_word(needed.get("name")) for needed in require_tables(entry.get("dependencies")))
        yield Package(
            type="pypi",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
            relationship="member" if "directory" in entry else "",
            dependencies=tuple(f"{name}@{versions[name]}" if versions.get(name) else name for name in names),
        )
