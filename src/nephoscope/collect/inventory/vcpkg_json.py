"""Libraries of C and C++ that a vcpkg manifest asks for: vcpkg.json.

Where neither an override nor `version>=` names a version, the baseline of the registry does: the version is not known here.
Source: https://learn.microsoft.com/vcpkg/reference/vcpkg-json.
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_relaxed_json
from nephoscope.collect.inventory.formats.untyped_values import (
    require_array,
    require_table,
    require_tables,
    require_word,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "vcpkg.json"
PATTERNS = ("**/vcpkg.json",)

_VERSIONS = ("version", "version-semver", "version-date", "version-string")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the project and what it asks for, with `version>=` as `constraint`; raises UnreadableInventoryError."""
    document = require_table(parse_relaxed_json(file))
    lines = KeyLines(file.text, of_strings=True)
    if name := require_word(document.get("name")):
        yield Package(
            type="vcpkg",
            name=name,
            version=_read_version(document),
            path=file.path,
            line=lines.find_first(name),
            relationship="root",
        )
    pinned = {
        require_word(one.get("name")): _read_version(one) for one in require_tables(document.get("overrides"))
    }
    yield from _list_needed_packages(file, document, lines, pinned, "")
    for feature, value in require_table(document.get("features")).items():
        yield from _list_needed_packages(file, require_table(value), lines, pinned, feature)


def _read_version(entry: dict[str, object]) -> str:
    """Return the version of a port, without the number of the port's own revision."""
    return next((found for key in _VERSIONS if (found := require_word(entry.get(key)).partition("#")[0])), "")


def _list_needed_packages(
    file: InventoryFile, owner: dict[str, object], lines: KeyLines, pinned: dict[str, str], feature: str
) -> Iterator[Package]:
    for value in require_array(owner.get("dependencies")):
        entry = require_table({"name": value} if isinstance(value, str) else value)
        name, least = require_word(entry.get("name")), require_word(entry.get("version>=")).partition("#")[0]
        if not name:
            file.record_left_out_entry(1, "a dependency with a name is wanted")
            continue
        exact = pinned.get(name, "")
        yield Package(
            type="vcpkg",
            name=name,
            version=exact or least,
            path=file.path,
            line=lines.find_first(name),
            groups=(feature,) if feature else (),
            is_development=entry.get("host") is True,
            relationship="declared",
            constraint="" if exact else f">={least}" if least else "*",
        )
