"""Packages of Arch Linux: the descriptions in pacman's database."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "pacman database"
PATTERNS = ("**/var/lib/pacman/local/*/desc",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package that is described; raises UnreadableInventoryError."""
    sections: dict[str, list[str]] = {}
    section, line = "", 0
    for number, text in enumerate(file.text.split("\n"), 1):
        entry = text.strip()
        if entry.startswith("%") and entry.endswith("%"):
            section = entry
            line = number if entry == "%NAME%" else line
        elif entry:
            sections.setdefault(section, []).append(entry)
    name, version = sections.get("%NAME%"), sections.get("%VERSION%")
    if not name or not version:
        file.record_left_out_entry(line or 1, "the description has no %NAME% or no %VERSION%")
        return
    base = sections.get("%BASE%", name)[0]
    yield Package(
        type="alpm",
        name=name[0],
        version=version[0],
        namespace=file.system.family if file.system else "arch",
        architecture=sections.get("%ARCH%", [""])[0],
        source_name=base if base != name[0] else "",
        path=file.path,
        line=line,
        relationship="transitive" if sections.get("%REASON%") == ["1"] else "declared",
        licenses=tuple(sections.get("%LICENSE%", ())),
        dependencies=tuple(sections.get("%DEPENDS%", ())),
    )
