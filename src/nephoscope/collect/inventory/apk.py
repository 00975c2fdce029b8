"""Packages of Alpine, Wolfi and their children: the database of apk."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "apk database"
PATTERNS = ("**/lib/apk/db/installed",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the installed packages; raises UnreadableInventoryError."""
    fields: dict[str, str] = {}
    first = 0
    for number, line in enumerate([*file.text.split("\n"), ""], 1):
        if line.strip():
            key, colon, value = line.partition(":")
            if not colon or len(key) != 1:
                raise file.make_error(f"a line `K:value` is expected: {line[:60]!r}", number)
            first = first or number
            fields.setdefault(key, value.strip())
            continue
        if fields:
            yield from _build_package(file, fields, first)
        fields, first = {}, 0


def _build_package(file: InventoryFile, fields: dict[str, str], line: int) -> Iterator[Package]:
    if not fields.get("P") or not fields.get("V"):
        file.record_left_out_entry(line, "the paragraph has no name (P) or no version (V)")
        return
    source = fields.get("o", "")
    yield Package(
        type="apk",
        name=fields["P"],
        version=fields["V"],
        namespace=file.system.family if file.system else "",
        distribution_version=file.system.version if file.system else "",
        architecture=fields.get("A", ""),
        source_name=source if source != fields["P"] else "",
        path=file.path,
        line=line,
        licenses=(fields["L"],) if fields.get("L") else (),
        dependencies=tuple(fields.get("D", "").split()),
    )
