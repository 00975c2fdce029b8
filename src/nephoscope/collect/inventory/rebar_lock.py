"""Erlang packages that rebar3 locked: rebar.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "rebar.lock"
PATTERNS = ("**/rebar.lock",)

_ENTRY = re.compile(r'\{<<"([^"]+)">>,\s*\{pkg,\s*<<"([^"]+)">>,\s*<<"([^"]+)">>\s*(?:,[^{}]*)?\},\s*(\d+)\}')


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; raises UnreadableInventoryError."""
    for found in _ENTRY.finditer(file.text):
        yield Package(
            type="hex",
            name=found[2],
            version=found[3],
            path=file.path,
            line=file.text.count("\n", 0, found.start()) + 1,
            relationship="declared" if found[4] == "0" else "transitive",
        )
