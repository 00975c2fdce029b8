"""Ruby gems that Bundler locked: Gemfile.lock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gemfile.lock"
PATTERNS = ("**/Gemfile.lock", "**/gems.locked", "**/*.gemfile.lock")

_SOURCES = ("GEM", "GIT", "PATH", "PLUGIN SOURCE")
_SPECIFICATION = re.compile(r" {4}([^\s(]+) \(([^)\s]+)\)\s*")
_NEEDED = re.compile(r" {6}([^\s(!]+).*")
_DECLARED = re.compile(r" {2}([^\s(!]+).*")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked gems, without the platform behind their version; raises UnreadableInventoryError."""
    lines = file.text.split("\n")
    declared = set(_list_declared_gems(lines))
    section, waiting = "", None
    needed: list[str] = []
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate([*lines, "END"], 1):
        if found := _NEEDED.fullmatch(line) if waiting else None:
            needed.append(found[1])
            continue
        if waiting and waiting[:2] not in seen:
            seen.add(waiting[:2])
            yield _build_package(file, waiting, tuple(needed), declared)
        waiting, needed = None, []
        if line and not line[0].isspace():
            section = line.strip()
        elif section in _SOURCES and (found := _SPECIFICATION.fullmatch(line)):
            waiting = (found[1], found[2].partition("-")[0], number)
        elif section in _SOURCES and line.startswith("    ") and line.strip():
            file.record_left_out_entry(number, f"`name (version)` is wanted: {line.strip()[:60]!r}")


def _list_declared_gems(lines: list[str]) -> Iterator[str]:
    section = ""
    for line in lines:
        if line and not line[0].isspace():
            section = line.strip()
        elif section == "DEPENDENCIES" and (found := _DECLARED.fullmatch(line)):
            yield found[1]


def _build_package(
    file: InventoryFile, found: tuple[str, str, int], needed: tuple[str, ...], declared: set[str]
) -> Package:
    return Package(
        type="gem",
        name=found[0],
        version=found[1],
        path=file.path,
        line=found[2],
        relationship="declared" if found[0] in declared else "transitive" if declared else "",
        dependencies=needed,
    )
