"""Tools that mise installs: mise.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import iterate_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "mise tools"
PATTERNS = ("**/mise.toml", "**/.mise.toml", "**/mise.*.toml", "**/.config/mise/config.toml")

_EXACT = re.compile(r"\d+\.\d+\.\d+\S*")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the tools; raises UnreadableInventoryError."""
    lines = {name: line for at, name, line in iterate_key_lines(file.text) if at.startswith("tools")}
    for name, value in require_table(parse_toml(file).get("tools")).items():
        several = value if isinstance(value, list) else [value]
        for one in several:
            version = require_word(one.get("version") if isinstance(one, dict) else one)
            yield Package(
                type="mise",
                name=name,
                version=version,
                path=file.path,
                line=lines.get(name, 1),
                relationship="declared",
                constraint="" if _EXACT.fullmatch(version) else version or "*",
            )
