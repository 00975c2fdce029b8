"""Python packages that Pipenv locked: Pipfile.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import table, word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Pipfile.lock"
PATTERNS = ("**/Pipfile.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    if not file.text.strip():
        return
    lines = KeyLines(file.text)
    seen: set[tuple[str, str]] = set()
    for group, entries in table(parse_json(file)).items():
        if group == "_meta":
            continue
        lines.next_line(group)
        for name, entry in table(entries).items():
            line = lines.next_line(name)
            version = word(table(entry).get("version")).removeprefix("==")
            if not version or (name, version) in seen:
                continue
            seen.add((name, version))
            yield Package(
                type="pypi",
                name=name,
                version=version.lstrip("="),
                path=file.path,
                line=line,
                groups=() if group == "default" else ("dev" if group == "develop" else group,),
                is_development=group == "develop",
            )
