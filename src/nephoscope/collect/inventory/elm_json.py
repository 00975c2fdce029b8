"""Elm packages of an application or a package: elm.json."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "elm.json"
PATTERNS = ("**/elm.json",)

_VERSION = re.compile(r"\d+\.\d+\.\d+")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, those that a package asks for with their range; raises UnreadableInventoryError."""
    document, lines = require_table(parse_json(file)), KeyLines(file.text)
    if "type" not in document:
        raise file.make_error("a type, application or package, is expected")
    for key, is_test in (("dependencies", False), ("test-dependencies", True)):
        asked = require_table(document.get(key))
        lines.find_next(key)
        if document["type"] == "application":
            yield from _read_packages(file, lines, require_table(asked.get("direct")), "declared", is_test)
            yield from _read_packages(
                file, lines, require_table(asked.get("indirect")), "transitive", is_test
            )
        else:
            yield from _read_packages(file, lines, asked, "declared", is_test)


def _read_packages(
    file: InventoryFile, lines: KeyLines, asked: dict[str, object], relationship: Relationship, is_test: bool
) -> Iterator[Package]:
    for name, value in asked.items():
        written = require_word(value)
        lowest = _VERSION.match(written)
        yield Package(
            type="elm",
            name=name,
            version=lowest[0] if lowest else "",
            path=file.path,
            line=lines.find_next(name),
            groups=("test",) if is_test else (),
            is_development=is_test,
            relationship=relationship,
            constraint="" if _VERSION.fullmatch(written) else written,
        )
