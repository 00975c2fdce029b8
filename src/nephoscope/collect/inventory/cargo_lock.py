"""Rust crates that Cargo locked: Cargo.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_tables, require_word, require_words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Cargo.lock"
PATTERNS = ("**/Cargo.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked crates and the members of the project; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "package", "name")
    entries = require_tables(parse_toml(file).get("package"))
    versions: dict[str, list[str]] = {}
    for entry in entries:
        versions.setdefault(require_word(entry.get("name")), []).append(require_word(entry.get("version")))
    for number, entry in enumerate(entries):
        yield Package(
            type="cargo",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
            relationship="" if entry.get("source") else "member",
            dependencies=tuple(
                _resolve_needed_package(text, versions) for text in require_words(entry.get("dependencies"))
            ),
        )


def _resolve_needed_package(text: str, versions: dict[str, list[str]]) -> str:
    name, _, rest = text.partition(" ")
    known = versions.get(name, [])
    version = rest.split(" ")[0] or (known[0] if len(known) == 1 else "")
    return f"{name}@{version}" if version else name
