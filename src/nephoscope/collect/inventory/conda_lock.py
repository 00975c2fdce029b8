"""Packages of Conda and PyPI that conda-lock locked, of every platform: conda-lock.yml of version 1.

Source: https://conda.github.io/conda-lock/output (unified lock file).
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.formats.yaml_text import list_item_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "conda-lock.yml"
PATTERNS = ("**/conda-lock.yml", "**/*.conda-lock.yml")

_TYPES = {"conda": "conda", "pip": "pypi"}


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, each once a platform; raises UnreadableInventoryError."""
    entries = require_tables(require_table(parse_yaml_tables(file)).get("package"))
    for line, entry in zip(list_item_lines(file.text, "package", len(entries)), entries, strict=True):
        type_ = _TYPES.get(require_word(entry.get("manager")))
        name, version = require_word(entry.get("name")), require_word(entry.get("version"))
        if type_ is None or not name or not version:
            file.record_left_out_entry(line, "a package of Conda or pip with a name and a version is wanted")
            continue
        category = require_word(entry.get("category")) or "main"
        yield Package(
            type=type_,
            name=name,
            version=version,
            architecture=require_word(entry.get("platform")),
            path=file.path,
            line=line,
            groups=() if category == "main" else (category,),
            is_development=category in ("dev", "development"),
            dependencies=tuple(require_table(entry.get("dependencies"))),
        )
