"""R packages that renv locked: renv.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word, require_words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "renv.lock"
PATTERNS = ("**/renv.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages of a repository; those from elsewhere are left out. Raises UnreadableInventoryError."""
    lines = KeyLines(file.text)
    lines.find_next("Packages")
    for name, value in require_table(require_table(parse_json(file)).get("Packages")).items():
        entry, line = require_table(value), lines.find_next(name)
        if not require_word(entry.get("Repository")):
            file.record_left_out_entry(line, f"the package {name[:60]!r} comes from no repository")
            continue
        yield Package(
            type="cran",
            name=require_word(entry.get("Package")) or name,
            version=require_word(entry.get("Version")),
            path=file.path,
            line=line,
            dependencies=require_words(entry.get("Requirements")),
        )
