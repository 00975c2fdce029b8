"""Elixir and Erlang packages that Mix locked: mix.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "mix.lock"
PATTERNS = ("**/mix.lock",)

_ENTRY = re.compile(r'\s*"([^"]+)":\s*\{:(\w+),\s*(.*)')
_HEX = re.compile(r':([^,\s]+|"[^"]+"),\s*"([^"]+)"(.*)')
_NEEDED = re.compile(r"\{:(\w+),")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages, with '' for the version of those from Git; raises UnreadableInventoryError."""
    for number, line in enumerate(file.text.split("\n"), 1):
        entry = _ENTRY.match(line)
        if entry is None:
            if line.strip() not in ("", "%{", "}", "%{}"):
                file.record_left_out_entry(number, f"a package in braces is wanted: {line.strip()[:60]!r}")
            continue
        found = _HEX.match(entry[3]) if entry[2] == "hex" else None
        if entry[2] == "hex" and found is None:
            file.record_left_out_entry(number, f"the package {entry[1][:60]!r} has no version")
            continue
        yield Package(
            type="hex",
            name=found[1].strip('"') if found else entry[1],
            version=found[2] if found else "",
            path=file.path,
            line=number,
            dependencies=tuple(_NEEDED.findall(found[3])) if found else (),
        )
