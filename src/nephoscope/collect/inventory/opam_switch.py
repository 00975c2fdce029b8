"""OCaml packages that opam installed: the state of a switch, and lists of packages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "opam switch"
PATTERNS = (
    "**/.opam-switch/switch-state",
    "**/.opam-switch/*.install",
    "**/.opam/*/.opam-switch/switch-state",
)

_PACKAGE = re.compile(r"([A-Za-z0-9_+-]+)\.([^\s\"#]+)")
_INSTALLED = re.compile(r"^installed:\s*\[([^\]\[]*)\]", re.MULTILINE)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages; raises UnreadableInventoryError."""
    state = _INSTALLED.search(file.text)
    start = file.text.count("\n", 0, state.start(1)) + 1 if state else 1
    for number, line in enumerate((state[1] if state else file.text).split("\n"), start):
        for entry in line.partition("#")[0].replace('"', " ").split():
            found = _PACKAGE.fullmatch(entry)
            if found is None:
                raise file.make_error(f"`name.version` is expected: {entry[:60]!r}", number)
            yield Package(type="opam", name=found[1], version=found[2], path=file.path, line=number)
