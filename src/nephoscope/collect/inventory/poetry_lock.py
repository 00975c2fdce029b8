"""Python packages that Poetry locked: poetry.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import (
    require_table,
    require_tables,
    require_word,
    require_words,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "poetry.lock"
PATTERNS = ("**/poetry.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "package", "name")
    for number, entry in enumerate(require_tables(parse_toml(file).get("package"))):
        groups = _read_groups(entry)
        yield Package(
            type="pypi",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
            groups=groups,
            is_development=bool(groups) and all(group in ("dev", "test") for group in groups),
            dependencies=tuple(require_table(entry.get("dependencies"))),
        )


def _read_groups(entry: dict[str, object]) -> tuple[str, ...]:
    named = require_words(entry.get("groups")) or require_words(entry.get("category"))
    groups = () if "main" in named or "default" in named else named
    return (*groups, "optional") if entry.get("optional") is True else groups
