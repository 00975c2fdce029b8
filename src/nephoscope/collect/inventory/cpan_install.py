"""Perl distributions that a client of CPAN installed: the record that cpanm and its like keep of each."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "CPAN installation record"
PATTERNS = ("**/.meta/*/install.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the distribution; raises UnreadableInventoryError."""
    record = require_table(parse_json(file))
    version = require_word(record.get("version"))
    name = require_word(record.get("dist")).removesuffix(f"-{version}")
    if not name or not version:
        raise file.make_error("the record has no dist or no version")
    yield Package(type="cpan", name=name, version=version, path=file.path, line=1)
