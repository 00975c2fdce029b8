"""R packages that renv locked: renv.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import table, word, words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "renv.lock"
PATTERNS = ("**/renv.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages of a repository; those from elsewhere are left out. Raises UnreadableInventoryError."""
    lines = KeyLines(file.text)
    lines.next_line("Packages")
    for name, value in table(table(parse_json(file)).get("Packages")).items():
        entry, line = table(value), lines.next_line(name)
        if not word(entry.get("Repository")):
            file.leave_out(line, f"the package {name[:60]!r} comes from no repository")
            continue
        yield Package(
            type="cran",
            name=word(entry.get("Package")) or name,
            version=word(entry.get("Version")),
            path=file.path,
            line=line,
            dependencies=words(entry.get("Requirements")),
        )
