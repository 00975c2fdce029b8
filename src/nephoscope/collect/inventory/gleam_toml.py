"""Packages of Hex that a Gleam project asks for, and those it locked: gleam.toml and manifest.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import iterate_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import (
    require_table,
    require_tables,
    require_word,
    require_words,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gleam project"
PATTERNS = ("**/gleam.toml", "**/manifest.toml")

_NUMBER = re.compile(r"\d[\w.+-]*")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, those of a range with it as `constraint`; raises UnreadableInventoryError."""
    document = parse_toml(file)
    for entry in require_tables(document.get("packages")):
        at = file.text.find(f'"{require_word(entry.get("name"))}"')
        yield Package(
            type="hex",
            name=require_word(entry.get("name")),
            version=require_word(entry.get("version")),
            path=file.path,
            line=file.text.count("\n", 0, at) + 1 if at >= 0 else 1,
            dependencies=require_words(entry.get("requirements")),
        )
    lines = {name: line for _, name, line in iterate_key_lines(file.text)}
    for kind, group in (("dependencies", ""), ("dev-dependencies", "dev")):
        for name, asked in require_table(document.get(kind)).items():
            if not isinstance(asked, str):
                file.record_left_out_entry(lines.get(name, 1), f"the package {name[:60]!r} has no version")
                continue
            number = _NUMBER.search(asked)
            yield Package(
                type="hex",
                name=name,
                version=number[0] if number else "",
                path=file.path,
                line=lines.get(name, 1),
                groups=(group,) if group else (),
                is_development=bool(group),
                relationship="declared",
                constraint="" if _NUMBER.fullmatch(asked) else asked,
            )
