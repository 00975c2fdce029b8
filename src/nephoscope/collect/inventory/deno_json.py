"""Packages of npm and JSR that a Deno project imports: deno.json."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_relaxed_json
from nephoscope.collect.inventory.formats.untyped_values import require_table
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "deno.json"
PATTERNS = ("**/deno.json", "**/deno.jsonc")

_IMPORT = re.compile(r"(npm|jsr):/?((?:@[^/@]+/)?[^/@]+)@([^/]+)(?:/.*)?")
_EXACT = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")
_NUMBER = re.compile(r"\d+(?:\.\d+)*[\w.+-]*")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the imports that name a version, with a range as `constraint`; raises UnreadableInventoryError."""
    lines = KeyLines(file.text)
    lines.find_next("imports")
    for key, value in require_table(require_table(parse_relaxed_json(file)).get("imports")).items():
        found = _IMPORT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            continue
        number = _NUMBER.search(found[3])
        lowest = number[0] if number else ""
        is_exact = _EXACT.fullmatch(found[3]) is not None
        yield Package(
            type=found[1],
            name=found[2],
            version=lowest + ".0" * max(0, 2 - lowest.count(".")) if lowest else "",
            path=file.path,
            line=lines.find_next(key),
            relationship="declared",
            constraint="" if is_exact else found[3],
        )
