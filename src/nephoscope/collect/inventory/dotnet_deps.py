""".NET packages that an application was built with: its deps.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package, Relationship

TITLE = ".NET deps.json"
PATTERNS = ("**/*.deps.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the application, its other projects and the packages; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    libraries = {key: require_table(entry) for key, entry in require_table(document.get("libraries")).items()}
    needed = _map_needed_packages(document)
    projects = [key for key, entry in libraries.items() if entry.get("type") == "project"]
    asked = {name for names in needed.values() for name in names}
    roots = [key for key in projects if key not in asked]
    direct = {name for key in projects for name in needed.get(key, ())}
    lines = KeyLines(file.text)
    lines.find_next("libraries")
    for key, entry in libraries.items():
        name, slash, version = key.partition("/")
        line = lines.find_next(key)
        if not slash or not version:
            file.record_left_out_entry(line, f"`name/version` is wanted: {key[:80]!r}")
            continue
        relationship = _choose_relationship(key, entry, roots, direct)
        yield Package(
            type="nuget",
            name=name,
            version=version,
            path=file.path,
            line=line,
            relationship=relationship,
            dependencies=tuple(needed.get(key, ())),
        )


def _map_needed_packages(document: dict[str, object]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for libraries in require_table(document.get("targets")).values():
        for key, entry in require_table(libraries).items():
            wanted = require_table(require_table(entry).get("dependencies"))
            found[key] = [f"{name}/{require_word(version)}" for name, version in wanted.items()]
    return found


def _choose_relationship(
    key: str, entry: dict[str, object], roots: list[str], direct: set[str]
) -> Relationship:
    if len(roots) != 1:
        return ""
    if entry.get("type") == "project":
        return "root" if key in roots else "member"
    return "declared" if key in direct else "transitive"
