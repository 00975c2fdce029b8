"""Conda packages that are installed: the record of each in conda-meta."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import array, table, word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Conda record"
PATTERNS = ("**/conda-meta/*.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; raises UnreadableInventoryError."""
    record = table(parse_json(file))
    name, version = word(record.get("name")), word(record.get("version"))
    if not name or not version:
        raise file.refusal("the record has no name or no version")
    license_name = word(record.get("license"))
    yield Package(
        type="conda",
        name=name,
        version=version,
        architecture=word(record.get("subdir")),
        path=file.path,
        line=KeyLines(file.text).first("name"),
        licenses=(license_name,) if license_name else (),
        dependencies=tuple(text.split()[0] for text in map(word, array(record.get("depends"))) if text),
    )
