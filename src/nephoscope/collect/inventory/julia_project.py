"""Julia projects and packages: Project.toml."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import find_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Julia project"
PATTERNS = ("**/Project.toml", "**/JuliaProject.toml")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package that the file describes; raises UnreadableInventoryError."""
    project = parse_toml(file)
    name, version = require_word(project.get("name")), require_word(project.get("version"))
    if name and version and project.get("uuid"):
        line = next(iter(find_key_lines(file.text, "", "name")), 1)
        yield Package(type="julia", name=name, version=version, path=file.path, line=line)
