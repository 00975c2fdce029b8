"""Haskell packages that Stack locked: stack.yaml.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.formats.yaml_text import parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "stack.yaml.lock"
PATTERNS = ("**/stack.yaml.lock",)

_HACKAGE = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*?)-(\d[\d.]*)(?:@.*)?")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    for entry in require_tables(require_table(parse_yaml_tables(file)).get("packages")):
        text = require_word(require_table(entry.get("completed")).get("hackage"))
        at = file.text.find(text) if text else -1
        line = file.text.count("\n", 0, at) + 1 if at >= 0 else 1
        found = _HACKAGE.fullmatch(text)
        if found is None:
            file.record_left_out_entry(line, f"this is no package of Hackage: {text[:60]!r}")
            continue
        yield Package(type="hackage", name=found[1], version=found[2], path=file.path, line=line)
