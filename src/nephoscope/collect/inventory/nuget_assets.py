""".NET packages that a restore chose: obj/project.assets.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "project.assets.json"
PATTERNS = ("**/project.assets.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    lines = KeyLines(file.text)
    lines.find_next("libraries")
    asked = [
        text
        for names in require_table(document.get("projectFileDependencyGroups")).values()
        for text in names or ()
    ]
    declared = {require_word(text).split()[0].lower() for text in asked if require_word(text)}
    for key, value in require_table(document.get("libraries")).items():
        entry, line = require_table(value), lines.find_next(key)
        name, _, version = key.partition("/")
        if require_word(entry.get("type")) != "package" or not version:
            continue
        yield Package(
            type="nuget",
            name=name,
            version=version,
            path=file.path,
            line=line,
            relationship="declared" if name.lower() in declared else "transitive",
        )
