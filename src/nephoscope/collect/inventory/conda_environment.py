"""Conda and Python packages that an environment file asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.formats.untyped_values import require_array, require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Conda environment"
PATTERNS = ("**/environment.yml", "**/environment.yaml")

_SPECIFICATION = re.compile(r"(?:[^\s:]+::)?([A-Za-z0-9_.-]+)\s*(.*)")
_PINNED = re.compile(r"==?\s*([^\s=<>!,|*]+)(?:=[^\s]*)?")
_LOWEST = re.compile(r"[=~>]=?\s*([0-9][^\s=<>!,|*]*)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, those without one version with their range as `constraint`; raises UnreadableInventoryError."""
    document = require_table(parse_yaml_tables(file))
    for entry in require_array(document.get("dependencies")):
        if isinstance(entry, dict):
            for text in require_array(entry.get("pip")):
                yield from _read_python_requirement(file, require_word(text))
        else:
            yield from _read_conda_requirement(file, require_word(entry))


def _read_python_requirement(file: InventoryFile, text: str) -> Iterator[Package]:
    found = parse_requirement(text)
    if found is None:
        file.record_left_out_entry(
            _find_line(file, text), f"this is no requirement with a name: {text[:60]!r}"
        )
        return
    yield Package(
        type="pypi",
        name=found.name,
        version=found.version,
        path=file.path,
        line=_find_line(file, text),
        relationship="declared",
        constraint=found.constraint,
    )


def _read_conda_requirement(file: InventoryFile, text: str) -> Iterator[Package]:
    found = _SPECIFICATION.fullmatch(text)
    if found is None:
        file.record_left_out_entry(_find_line(file, text), f"this is no package with a name: {text[:60]!r}")
        return
    pinned = _PINNED.fullmatch(found[2])
    lowest = None if pinned else _LOWEST.search(found[2])
    yield Package(
        type="conda",
        name=found[1],
        version=pinned[1] if pinned else lowest[1] if lowest else "",
        path=file.path,
        line=_find_line(file, text),
        relationship="declared",
        constraint="" if pinned else found[2] or "*",
    )


def _find_line(file: InventoryFile, text: str) -> int:
    at = file.text.find(text)
    return file.text.count("\n", 0, at) + 1 if at >= 0 else 1
