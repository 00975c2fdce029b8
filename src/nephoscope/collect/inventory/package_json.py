"""npm packages by their own package.json: installed ones, and the project itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import find_key_line, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "package.json"
PATTERNS = ("**/package.json",)
MAX_SIZE = 16_000_000

_NAME = re.compile(r"(?:@[^/@\s]+/)?[^/@\s]+")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package; nothing for one without a name or a version, and for packages of Unity and of editors."""
    manifest = require_table(parse_json(file))
    if (found := parse_npm_package(file, manifest)) is not None:
        yield found


def parse_npm_package(file: InventoryFile, manifest: dict[str, object]) -> Package | None:
    """Return the npm package that a manifest describes; None where it describes none. Raises UnreadableInventoryError."""
    name, version, engines = manifest.get("name"), manifest.get("version"), manifest.get("engines")
    if not isinstance(name, str) or not isinstance(version, str) or not name or not version:
        return None
    if "unity" in manifest or (isinstance(engines, dict) and "vscode" in engines):
        return None
    if not _NAME.fullmatch(name):
        raise file.make_error(f"this is not a name of an npm package: {name[:100]!r}")
    needed = manifest.get("dependencies")
    return Package(
        type="npm",
        name=name,
        version=version,
        path=file.path,
        line=find_key_line(file.text, "name"),
        licenses=read_licenses(manifest),
        dependencies=tuple(needed) if isinstance(needed, dict) else (),
    )


def read_licenses(manifest: dict[str, object]) -> tuple[str, ...]:
    """Return the licenses of a manifest in any of the forms that npm ever took."""
    written = manifest.get("license") or manifest.get("licenses")
    entries = written if isinstance(written, list) else [written]
    found = (entry.get("type") if isinstance(entry, dict) else entry for entry in entries)
    return tuple(entry for entry in found if isinstance(entry, str) and entry)
