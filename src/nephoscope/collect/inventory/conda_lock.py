"""Packages of Conda and PyPI that conda-lock locked, of every platform: conda-lock.yml of version 1.

Source: https://conda.github.io/conda-lock/output (unified lock file).
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import table, tables, word
from nephoscope.collect.inventory.formats.yaml_text import lines_of_items, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "conda-lock.yml"
PATTERNS = ("**/conda-lock.yml", "**/*.conda-lock.yml")

_TYPES = {"conda": "conda", "pip": "pypi"}


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, each once a platform; raises UnreadableInventoryError."""
    entries = tables(table(parse_yaml_tables(file)).get("package"))
    for line, entry in zip(lines_of_items(file.text, "package", len(entries)), entries, strict=True):
        type_ = _TYPES.get(word(entry.get("manager")))
        name, version = word(entry.get("name")), word(entry.get("version"))
        if type_ is None or not name or not version:
            file.leave_out(line, "a package of Conda or pip with a name and a version is wanted")
            continue
        category = word(entry.get("category")) or "main"
        yield Package(
            type=type_,
            name=name,
            version=version,
            architecture=word(entry.get("platform")),
            path=file.path,
            line=line,
            groups=() if category == "main" else (category,),
            is_development=category in ("dev", "development"),
            dependencies=tuple(table(entry.get("dependencies"))),
        )
