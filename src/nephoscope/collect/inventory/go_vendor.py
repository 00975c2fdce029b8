"""Modules whose packages a Go project carries along: vendor/modules.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "vendor/modules.txt"
PATTERNS = ("**/vendor/modules.txt",)

_MODULE = re.compile(r"# (\S+) (v\d\S*)(?: => (\S+)(?: (v\d\S*))?)?\s*")
_MAJOR = re.compile(r"/v(\d+)\Z")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give each module of which packages are there; raises UnreadableInventoryError."""
    waiting: tuple[int, re.Match[str]] | None = None
    is_direct = False
    for number, line in enumerate(file.text.split("\n"), 1):
        if line.startswith("## "):
            is_direct = "explicit" in line
        elif line.startswith("# "):
            found = _MODULE.fullmatch(line)
            waiting, is_direct = ((number, found) if found else None), False
            if found is None and " => " not in line:
                file.record_left_out_entry(number, "a module and its version are wanted")
        elif line.strip() and waiting:
            yield from _build_package(file, *waiting, is_direct)
            waiting = None


def _build_package(
    file: InventoryFile, number: int, found: re.Match[str], is_direct: bool
) -> Iterator[Package]:
    name, version = (found[3], found[4]) if found[3] else (found[1], found[2])
    if not version:
        return  # a folder of the project itself
    major = _MAJOR.search(name)
    if major and not version.startswith(f"v{major[1]}."):
        file.record_left_out_entry(number, f"the version {version} is not one of {name}")
        return
    yield Package(
        type="golang",
        name=name,
        version=version,
        path=file.path,
        line=number,
        relationship="declared" if is_direct else "transitive",
    )
