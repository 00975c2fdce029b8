"""Conda packages that are installed: the record of each in conda-meta."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_array, require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Conda record"
PATTERNS = ("**/conda-meta/*.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    record = require_table(parse_json(file))
    name, version = require_word(record.get("name")), require_word(record.get("version"))
    if not name or not version:
        raise file.make_error("the record has no name or no version")
    license_name = require_word(record.get("license"))
    yield Package(
        type="conda",
        name=name,
        version=version,
        architecture=require_word(record.get("subdir")),
        path=file.path,
        line=KeyLines(file.text).find_first("name"),
        licenses=(license_name,) if license_name else (),
        dependencies=tuple(
            text.split()[0] for text in map(require_word, require_array(record.get("depends"))) if text
        ),
    )
