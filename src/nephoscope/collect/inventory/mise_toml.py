"""Tools that mise installs: mise.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import table, word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "mise tools"
PATTERNS = ("**/mise.toml", "**/.mise.toml", "**/mise.*.toml", "**/.config/mise/config.toml")

_EXACT = re.compile(r"\d+\.\d+\.\d+\S*")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the tools; raises UnreadableInventoryError."""
    lines = {name: line for at, name, line in key_lines(file.text) if at.startswith("tools")}
    for name, value in table(parse_toml(file).get("tools")).items():
        several = value if isinstance(value, list) else [value]
        for one in several:
            version = word(one.get("version") if isinstance(one, dict) else one)
            yield Package(
                type="mise",
                name=name,
                version=version,
                path=file.path,
                line=lines.get(name, 1),
                relationship="declared",
                constraint="" if _EXACT.fullmatch(version) else version or "*",
            )
