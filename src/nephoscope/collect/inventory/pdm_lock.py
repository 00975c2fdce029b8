"""Python packages that PDM locked: pdm.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_tables, require_word, require_words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pdm.lock"
PATTERNS = ("**/pdm.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "package", "name")
    for number, entry in enumerate(require_tables(parse_toml(file).get("package"))):
        groups = _choose_groups(require_words(entry.get("groups")))
        needed = (parse_requirement(text) for text in require_words(entry.get("dependencies")))
        yield Package(
            type="pypi",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
            groups=groups,
            is_development=groups == ("dev",),
            dependencies=tuple(found.name for found in needed if found),
        )


def _choose_groups(named: tuple[str, ...]) -> tuple[str, ...]:
    if not named or "default" in named:
        return ()
    return ("dev",) if "dev" in named else ("optional",)
