"""Python packages that uv locked: uv.lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import (
    require_array,
    require_table,
    require_tables,
    require_word,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = "uv.lock"
PATTERNS = ("**/uv.lock",)

_LOCAL = ("virtual", "editable", "directory")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the project and the locked packages; raises UnreadableInventoryError."""
    lines = find_key_lines(file.text, "package", "name")
    entries = require_tables(parse_toml(file).get("package"))
    by_name: dict[str, list[dict[str, object]]] = {}
    for entry in entries:
        by_name.setdefault(require_word(entry.get("name")), []).append(entry)
    roots = [entry for entry in entries if _read_folder(entry)]
    declared = {name for root in roots for name in _list_names(root)}
    developed = {name for root in roots for name in _read_development_names(root)}
    used = _find_reached_packages(declared, by_name)
    for number, entry in enumerate(entries):
        name = require_word(entry.get("name"))
        relationship: Relationship = (
            "root"
            if _read_folder(entry) == "."
            else "member"
            if _read_folder(entry)
            else "declared"
            if name in declared | developed
            else "transitive"
        )
        is_development = bool(roots) and not _read_folder(entry) and name not in used
        yield Package(
            type="pypi",
            name=name,
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines[number] if number < len(lines) else 1,
            groups=("dev",) if is_development else (),
            is_development=is_development,
            relationship=relationship if roots else "",
            dependencies=tuple(_add_versions(_iterate_required_packages(entry), by_name)),
        )


def _read_folder(entry: dict[str, object]) -> str:
    source = require_table(entry.get("source"))
    return next((require_word(source[kind]) for kind in _LOCAL if kind in source), "")


def _list_needed_packages(entry: dict[str, object]) -> Iterator[dict[str, object]]:
    yield from require_tables(entry.get("dependencies"))
    for optional in require_table(entry.get("optional-dependencies")).values():
        yield from require_tables(optional)


def _iterate_required_packages(entry: dict[str, object]) -> Iterator[dict[str, object]]:
    yield from _list_needed_packages(entry)
    for group in require_table(entry.get("dev-dependencies")).values():
        yield from require_tables(group)


def _list_names(entry: dict[str, object]) -> set[str]:
    return {require_word(needed.get("name")) for needed in _list_needed_packages(entry)}


def _read_development_names(entry: dict[str, object]) -> set[str]:
    groups = require_table(entry.get("dev-dependencies")).values()
    return {
        require_word(require_table(needed).get("name")) for group in groups for needed in require_array(group)
    }


def _find_reached_packages(start: set[str], by_name: dict[str, list[dict[str, object]]]) -> set[str]:
    reached, waiting = set[str](), list(start)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [needed for entry in by_name.get(name, ()) for needed in _list_names(entry)]
    return reached


def _add_versions(
    needed: Iterable[dict[str, object]], by_name: dict[str, list[dict[str, object]]]
) -> Iterator[str]:
    for entry in needed:
        name, version = require_word(entry.get("name")), require_word(entry.get("version"))
        known = by_name.get(name, [])
        version = version or (require_word(known[0].get("version")) if len(known) == 1 else "")
        yield f"{name}@{version}" if version else name
