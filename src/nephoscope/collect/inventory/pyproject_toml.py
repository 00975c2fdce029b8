"""Python packages that a project asks for: pyproject.toml, as PEP 621 has it, and Poetry's own tables."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.formats.toml_text import parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_array, require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pyproject.toml"
PATTERNS = ("**/pyproject.toml",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give what the project needs, with its range as `constraint` where none is pinned; raises UnreadableInventoryError."""
    document = parse_toml(file)
    project = require_table(document.get("project"))
    for entry in require_array(project.get("dependencies")):
        yield from _read_required_packages(file, require_word(entry), ())
    for group, entries in require_table(project.get("optional-dependencies")).items():
        for entry in require_array(entries):
            yield from _read_required_packages(file, require_word(entry), (group,))
    poetry = require_table(require_table(document.get("tool")).get("poetry"))
    for name, wanted in require_table(poetry.get("dependencies")).items():
        if name.lower() != "python":
            yield from _read_poetry_dependency(file, name, wanted)


def _read_required_packages(file: InventoryFile, text: str, groups: tuple[str, ...]) -> Iterator[Package]:
    found = parse_requirement(text)
    line = _find_line(file, text)
    if found is None:
        file.record_left_out_entry(line, f"this is no requirement with a name: {text[:60]!r}")
        return
    yield Package(
        type="pypi",
        name=found.name,
        version=found.version,
        path=file.path,
        line=line,
        groups=groups,
        relationship="declared",
        constraint=found.constraint,
    )


def _read_poetry_dependency(file: InventoryFile, name: str, wanted: object) -> Iterator[Package]:
    asked = require_word(wanted.get("version") if isinstance(wanted, dict) else wanted)
    is_pinned = asked[:1].isdigit() or asked.startswith("==")
    yield Package(
        type="pypi",
        name=name,
        version=asked.lstrip("=^~> ").partition(",")[0],
        path=file.path,
        line=_find_line(file, name),
        relationship="declared",
        constraint="" if is_pinned else asked or "*",
    )


def _find_line(file: InventoryFile, text: str) -> int:
    at = file.text.find(text.partition(";")[0].strip())
    return file.text.count("\n", 0, at) + 1 if at >= 0 else 1
