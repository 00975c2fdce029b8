"""Julia packages that were resolved: Manifest.toml of the formats 1 and 2.

Packages of the standard library have no version of their own: theirs is that of Julia, where the file names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import iterate_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Julia manifest"
PATTERNS = ("**/Manifest.toml", "**/JuliaManifest.toml", "**/Manifest-v*.toml")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; raises UnreadableInventoryError."""
    document = parse_toml(file)
    is_first = "manifest_format" not in document
    entries = document if is_first else require_table(document.get("deps"))
    julia = require_word(document.get("julia_version"))
    prefix = "" if is_first else "deps."
    places = _locate_packages(file, prefix)
    _mark_required_packages(file, entries)
    for name, versions in entries.items():
        if not isinstance(versions, list):
            continue
        for entry in require_tables(versions):
            line = places[name].pop(0) if places.get(name) else 1
            yield from _build_package(file, name, entry, julia, line)


def _mark_required_packages(file: InventoryFile, entries: dict[str, object]) -> None:
    for name, versions in entries.items():
        for entry in require_tables(versions) if isinstance(versions, list) else ():
            needed = entry.get("deps")
            for other in needed if isinstance(needed, list) else ():
                if other not in entries:
                    raise file.make_error(
                        f"{name[:60]} needs {str(other)[:60]}, which the manifest lacks: it is truncated"
                    )


def _locate_packages(file: InventoryFile, prefix: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for at, key, line in iterate_key_lines(file.text):
        if key == "uuid" and at.startswith(prefix):
            found.setdefault(at.removeprefix(prefix), []).append(line)
    return found


def _build_package(
    file: InventoryFile, name: str, entry: dict[str, object], julia: str, line: int
) -> Iterator[Package]:
    version = require_word(entry.get("version")) or julia
    if not version and not entry.get("git-tree-sha1") and not entry.get("path"):
        file.record_left_out_entry(line, f"{name[:60]} is part of Julia, whose version is not stated")
        return
    needed = entry.get("deps")
    yield Package(
        type="julia",
        name=name,
        version=version,
        path=file.path,
        line=line,
        dependencies=tuple(map(str, needed)) if isinstance(needed, list | dict) else (),
    )
