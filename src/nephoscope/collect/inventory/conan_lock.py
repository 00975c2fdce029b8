"""C and C++ packages that Conan locked: conan.lock of Conan 1 and 2."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word, require_words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.files.json_tree import get_list, get_tree
from nephoscope.model.package import Package, Relationship

TITLE = "conan.lock"
PATTERNS = ("**/conan.lock", "**/conanlock.json")

_REFERENCE = re.compile(r"([^/\s]+)/([^@#:%/\s]+)(?:@[^#:%\s]*)?(?:[#:%].*)?")
_KINDS = ("requires", "build_requires", "python_requires", "config_requires")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    nodes = {
        key: require_table(node)
        for key, node in require_table(require_table(document.get("graph_lock")).get("nodes")).items()
    }
    if nodes:
        yield from _read_graph(file, nodes)
        return
    lines = KeyLines(file.text, of_strings=True)
    for kind in _KINDS:
        for reference in require_words(document.get(kind)):
            line = lines.find_first(reference)
            found = _REFERENCE.fullmatch(reference)
            if found is None:
                file.record_left_out_entry(line, f"`name/version` is wanted: {reference[:80]!r}")
                continue
            yield Package(
                type="conan",
                name=found[1],
                version=found[2],
                path=file.path,
                line=line,
                groups=(kind.replace("_", "-"),),
            )


def _read_graph(file: InventoryFile, nodes: dict[str, dict[str, object]]) -> Iterator[Package]:
    lines = KeyLines(file.text)
    lines.find_next("nodes")
    required = {other for node in nodes.values() for other in _list_required_packages(node)}
    projects = {key for key, node in nodes.items() if key not in required and node.get("path")}
    direct = {other for key in projects for other in _list_required_packages(nodes[key])}
    for key, node in nodes.items():
        line = lines.find_next(key)
        if key in projects:
            continue
        reference = _read_reference(node)
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            file.record_left_out_entry(line, f"`name/version` is wanted: {reference[:80]!r}")
            continue
        needed = (
            _REFERENCE.fullmatch(_read_reference(nodes[other]))
            for other in _list_required_packages(node)
            if other in nodes
        )
        relationship: Relationship = "declared" if key in direct else "transitive"
        yield Package(
            type="conan",
            name=found[1],
            version=found[2],
            path=file.path,
            line=line,
            relationship=relationship,
            dependencies=tuple(f"{other[1]}/{other[2]}" for other in needed if other),
        )


def _read_reference(node: dict[str, object]) -> str:
    return require_word(node.get("ref")) or require_word(node.get("pref"))


def _list_required_packages(node: dict[str, object]) -> list[str]:
    return list(map(str, get_tree(node, "requires").values() or get_list(node, "requires")))
