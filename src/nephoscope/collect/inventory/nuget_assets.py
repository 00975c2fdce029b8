""".NET packages that a restore chose: obj/project.assets.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import table, word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "project.assets.json"
PATTERNS = ("**/project.assets.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    document = table(parse_json(file))
    lines = KeyLines(file.text)
    lines.next_line("libraries")
    asked = [
        text for names in table(document.get("projectFileDependencyGroups")).values() for text in names or ()
    ]
    declared = {word(text).split()[0].lower() for text in asked if word(text)}
    for key, value in table(document.get("libraries")).items():
        entry, line = table(value), lines.next_line(key)
        name, _, version = key.partition("/")
        if word(entry.get("type")) != "package" or not version:
            continue
        yield Package(
            type="nuget",
            name=name,
            version=version,
            path=file.path,
            line=line,
            relationship="declared" if name.lower() in declared else "transitive",
        )
