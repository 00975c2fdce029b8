"""Pods that CocoaPods locked: Podfile.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_array, require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Podfile.lock"
PATTERNS = ("**/Podfile.lock",)

_POD = re.compile(r"(\S+) \(([^)\s]+)\)")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked pods, parts of pods by their own names; raises UnreadableInventoryError."""
    document = require_table(parse_yaml_tables(file))
    entries: list[tuple[str, list[object]]] = []
    for entry in require_array(document.get("PODS")):
        entries += (
            [(key, require_array(value)) for key, value in entry.items()]
            if isinstance(entry, dict)
            else [(require_word(entry), [])]
        )
    found = {pod[1]: pod[2] for text, _ in entries if (pod := _POD.fullmatch(text))}
    declared = {require_word(entry).split(" ")[0] for entry in require_array(document.get("DEPENDENCIES"))}
    for text, needed in entries:
        at = file.text.find(text)
        line = file.text.count("\n", 0, at) + 1 if at >= 0 else 1
        pod = _POD.fullmatch(text)
        if pod is None:
            file.record_left_out_entry(line, f"`name (version)` is wanted: {text[:60]!r}")
            continue
        names = [require_word(name).split(" ")[0] for name in needed]
        yield Package(
            type="cocoapods",
            name=pod[1],
            version=pod[2],
            path=file.path,
            line=line,
            relationship="declared" if pod[1] in declared else "transitive" if declared else "",
            dependencies=tuple(f"{name}@{found[name]}" if name in found else name for name in names),
        )
