"""Python packages that Pipenv locked: Pipfile.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
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
    for group, entries in require_table(parse_json(file)).items():
        if group == "_meta":
            continue
        lines.find_next(group)
        for name, entry in require_table(entries).items():
            line = lines.find_next(name)
            version = require_word(require_table(entry).get("version")).removeprefix("==")
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
