"""Rust crates that a project asks for: Cargo.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import iterate_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Cargo.toml"
PATTERNS = ("**/Cargo.toml",)

_KINDS = {"dependencies": "", "dev-dependencies": "dev", "build-dependencies": "build"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the crate itself and what it asks for, ranges as `constraint`; raises UnreadableInventoryError."""
    document = parse_toml(file)
    project = require_table(document.get("package"))
    shared = require_table(document.get("workspace"))
    lines = {name: line for _, name, line in iterate_key_lines(file.text)}
    name, version = project.get("name"), project.get("version")
    if isinstance(name, str):
        known = (
            version
            if isinstance(version, str)
            else require_word(require_table(shared.get("package")).get("version"))
        )
        yield Package(
            type="cargo",
            name=name,
            version=known,
            path=file.path,
            line=lines.get("name", 1),
            relationship="root",
        )
    owners = [document, *map(require_table, require_table(document.get("target")).values())]
    for owner in owners:
        for kind, group in _KINDS.items():
            for alias, value in require_table(owner.get(kind)).items():
                yield from _read_requirement(
                    file, alias, value, group, require_table(shared.get("dependencies")), lines.get(alias, 1)
                )


def _read_requirement(
    file: InventoryFile, alias: str, value: object, group: str, shared: dict[str, object], line: int
) -> Iterator[Package]:
    entry = require_table({"version": value} if isinstance(value, str) else value)
    if entry.get("workspace") is True:
        entry = require_table(
            {"version": shared[alias]} if isinstance(shared.get(alias), str) else shared.get(alias)
        )
    asked = require_word(entry.get("version"))
    if not asked and not _COMMIT.fullmatch(require_word(entry.get("rev"))):
        file.record_left_out_entry(line, f"the crate {alias[:60]!r} has neither a version nor a commit")
        return
    number = re.search(r"\d[\w.+-]*", asked)
    yield Package(
        type="cargo",
        name=require_word(entry.get("package")) or alias,
        version=number[0] if number else "",
        path=file.path,
        line=line,
        groups=(group,) if group else (),
        is_development=group == "dev",
        relationship="declared",
        constraint="" if asked.startswith("=") or not asked else asked,
    )
