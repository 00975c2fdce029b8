"""Modules that a Go build may use: go.sum, where no go.mod stands beside it that names them better."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile, decode_text
from nephoscope.model.package import Package

TITLE = "go.sum"
PATTERNS = ("**/go.sum",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give each module with the last version that is written, which is the highest; raises UnreadableInventoryError."""
    if file.read_neighbor("go.mod") is not None:
        return
    for number, name, version in parse_sums(file, file.content):
        yield Package(type="golang", name=name, version=version, path=file.path, line=number)


def parse_sums(file: InventoryFile, content: bytes) -> Iterator[tuple[int, str, str]]:
    """Give line, name and last version of each module of a go.sum; raises UnreadableInventoryError."""
    found: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(decode_text(file.path, content).split("\n"), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 3 or not words[2].startswith("h1:"):
            raise file.make_error("a module, a version and a sum `h1:` are expected", number)
        found[words[0]] = (number, words[1].removesuffix("/go.mod"))
    for name, (number, version) in found.items():
        yield number, name, version
