"""Java libraries that a version catalog of Gradle names: libs.versions.toml."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.toml_text import iterate_key_lines, parse_toml
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gradle version catalog"
PATTERNS = ("**/*.versions.toml",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the libraries, those without a version with `*` as `constraint`; raises UnreadableInventoryError."""
    document = parse_toml(file)
    versions = require_table(document.get("versions"))
    lines = {name: line for at, name, line in iterate_key_lines(file.text) if at == "libraries"}
    for alias, value in require_table(document.get("libraries")).items():
        name, version = _read_library(value, versions)
        if ":" not in name:
            file.record_left_out_entry(
                lines.get(alias, 1), f"the library {alias[:60]!r} has no group and name"
            )
            continue
        yield Package(
            type="maven",
            name=name,
            version=version,
            path=file.path,
            line=lines.get(alias, 1),
            relationship="declared",
            constraint="" if version else "*",
        )


def _read_library(value: object, versions: dict[str, object]) -> tuple[str, str]:
    if isinstance(value, str):
        group, _, rest = value.partition(":")
        name, _, version = rest.partition(":")
        return f"{group}:{name}" if name else group, version
    entry = require_table(value)
    module = (
        require_word(entry.get("module"))
        or f"{require_word(entry.get('group'))}:{require_word(entry.get('name'))}"
    )
    return module, _read_version(entry.get("version"), versions)


def _read_version(value: object, versions: dict[str, object]) -> str:
    if not isinstance(value, dict):
        return require_word(value)
    if "ref" in value:
        named = versions.get(require_word(value["ref"]))
        return "" if isinstance(named, dict) and "ref" in named else _read_version(named, {})
    return next((require_word(value[key]) for key in ("strictly", "require", "prefer") if key in value), "")
