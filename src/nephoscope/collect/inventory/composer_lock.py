"""PHP packages that Composer locked or installed: composer.lock, vendor/composer/installed.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import (
    require_table,
    require_tables,
    require_word,
    require_words,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Composer lock file"
PATTERNS = ("**/composer.lock", "**/vendor/composer/installed.json")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    parsed = parse_json(file)
    document = {"packages": parsed} if isinstance(parsed, list) else parsed
    if not isinstance(document, dict):
        raise file.make_error("a table with packages is expected")
    developed = require_words(document.get("dev-package-names"))
    lines = KeyLines(file.text, of_strings=True)
    for entry in require_tables(document.get("packages")):
        yield _build_package(file, entry, lines, require_word(entry.get("name")) in developed)
    for entry in require_tables(document.get("packages-dev")):
        yield _build_package(file, entry, lines, True)


def _build_package(
    file: InventoryFile, entry: dict[str, object], lines: KeyLines, is_development: bool
) -> Package:
    name = require_word(entry.get("name"))
    needed = (key for key in require_table(entry.get("require") or None) if "/" in key)
    return Package(
        type="composer",
        name=name,
        version=require_word(entry.get("version")),
        path=file.path,
        line=lines.find_next(name),
        groups=("dev",) if is_development else (),
        is_development=is_development,
        licenses=require_words(entry.get("license")),
        dependencies=tuple(needed),
    )
