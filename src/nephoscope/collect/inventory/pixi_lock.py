"""Packages of Conda and PyPI that pixi locked, of every platform: pixi.lock of versions 4 to 6.

An entry up to version 5 has its kind, name and version; in version 6 a package of Conda has its address alone, whose last part is
`name-version-build.conda`. Source: https://pixi.sh (lock file) and the format of rattler_lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import (
    require_table,
    require_tables,
    require_word,
    require_words,
)
from nephoscope.collect.inventory.formats.yaml_text import list_item_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pixi.lock"
PATTERNS = ("**/pixi.lock",)

_ARCHIVE = re.compile(r".*?([^/]+)/([^/]+)-([^/-]+)-[^/-]+\.(?:conda|tar\.bz2)")
_NAME = re.compile(r"[\w.-]+")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    entries = require_tables(require_table(parse_yaml_tables(file)).get("packages"))
    for line, entry in zip(list_item_lines(file.text, "packages", len(entries)), entries, strict=True):
        is_python = require_word(entry.get("kind")) == "pypi" or bool(require_word(entry.get("pypi")))
        name, version, platform = _read_identity(entry)
        if not name or not version:
            file.record_left_out_entry(line, "a package with a name and a version is wanted")
            continue
        license_name = require_word(entry.get("license"))
        needed = (*require_words(entry.get("depends")), *require_words(entry.get("requires_dist")))
        yield Package(
            type="pypi" if is_python else "conda",
            name=name,
            version=version,
            architecture="" if is_python else platform,
            path=file.path,
            line=line,
            licenses=(license_name,) if license_name else (),
            dependencies=tuple(dict.fromkeys(found[0] for one in needed if (found := _NAME.match(one)))),
        )


def _read_identity(entry: dict[str, object]) -> tuple[str, str, str]:
    """Return the name, version and platform of an entry, of its own members, else of its address."""
    found = _ARCHIVE.fullmatch(require_word(entry.get("conda")) or require_word(entry.get("url")))
    platform, name, version = found.groups() if found else ("", "", "")
    return (
        require_word(entry.get("name")) or name,
        require_word(entry.get("version")) or version,
        require_word(entry.get("subdir")) or platform,
    )
