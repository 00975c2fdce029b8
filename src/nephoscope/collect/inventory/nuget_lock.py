""".NET packages that NuGet locked: packages.lock.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "packages.lock.json"
PATTERNS = ("**/packages.lock.json", "**/packages.*.lock.json")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, each once for all frameworks; raises UnreadableInventoryError."""
    lines = KeyLines(file.text)
    seen: set[tuple[str, str]] = set()
    for framework, entries in require_table(require_table(parse_json(file)).get("dependencies")).items():
        lines.find_next(framework)
        resolved = {
            name: require_word(require_table(entry).get("resolved"))
            for name, entry in require_table(entries).items()
        }
        for name, value in require_table(entries).items():
            entry, line = require_table(value), lines.find_next(name)
            if not resolved[name] or (name, resolved[name]) in seen:
                continue
            seen.add((name, resolved[name]))
            needed = require_table(entry.get("dependencies"))
            yield Package(
                type="nuget",
                name=name,
                version=resolved[name],
                path=file.path,
                line=line,
                relationship="declared" if require_word(entry.get("type")) == "Direct" else "transitive",
                dependencies=tuple(
                    f"{key}@{resolved.get(key) or require_word(version)}" for key, version in needed.items()
                ),
            )
