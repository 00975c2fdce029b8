"""Dart packages that pub locked: pubspec.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import map_key_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pubspec.lock"
PATTERNS = ("**/pubspec.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    lines = map_key_lines(file.text, 2)
    for name, value in require_table(require_table(parse_yaml_tables(file)).get("packages")).items():
        entry = require_table(value)
        kind = require_word(entry.get("dependency"))
        is_development = kind == "direct dev"
        yield Package(
            type="pub",
            name=name,
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines.get(name, 1),
            groups=("dev",) if is_development else (),
            is_development=is_development,
            relationship="declared" if kind.startswith("direct") else "transitive",
        )
