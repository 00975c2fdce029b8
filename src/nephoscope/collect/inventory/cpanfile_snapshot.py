"""Perl distributions that Carton locked: cpanfile.snapshot."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "cpanfile.snapshot"
PATTERNS = ("**/cpanfile.snapshot",)

#: The version of a distribution stands behind the last hyphen that a number follows.
_DISTRIBUTION = re.compile(r"(.+)-(v?\d[^-]*(?:-TRIAL)?)")


class _Distribution(msgspec.Struct):
    """A distribution: where it stands, the modules that it has, and those that it needs."""

    name: str
    version: str
    line: int
    modules: list[str] = []
    needed: list[str] = []


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked distributions, each with those whose modules it needs; raises UnreadableInventoryError."""
    distributions = list(_read_distributions(file))
    holders = {module: one.name for one in distributions for module in one.modules}
    for one in distributions:
        needed = dict.fromkeys(holders[module] for module in one.needed if module in holders)
        yield Package(
            type="cpan",
            name=one.name,
            version=one.version,
            path=file.path,
            line=one.line,
            dependencies=tuple(name for name in needed if name != one.name),
        )


def _read_distributions(file: InventoryFile) -> Iterator[_Distribution]:
    if "\nDISTRIBUTIONS" not in f"\n{file.text}":
        raise file.make_error("a list of DISTRIBUTIONS is expected")
    current: _Distribution | None = None
    listed: list[str] = []
    for number, line in enumerate(file.text.split("\n"), 1):
        depth, words = len(line) - len(line.lstrip()), line.split()
        if not words or words[0].startswith("#") or depth == 0:
            continue
        if depth == 2:
            if current is not None:
                yield current
            current, listed = _build_distribution(file, words[0], number), []
        elif current is not None and depth == 4:
            listed = {"provides:": current.modules, "requirements:": current.needed}.get(words[0], [])
        elif depth == 6:
            listed.append(words[0])
    if current is not None:
        yield current


def _build_distribution(file: InventoryFile, text: str, line: int) -> _Distribution | None:
    found = _DISTRIBUTION.fullmatch(text)
    if found is None:
        file.record_left_out_entry(line, f"`name-version` is wanted: {text[:80]!r}")
        return None
    return _Distribution(found[1], found[2], line)
