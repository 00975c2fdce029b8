"""Charts that Helm locked: Chart.lock.

Source: https://helm.sh/docs/helm/helm_dependency_build.
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import table, tables, word
from nephoscope.collect.inventory.formats.yaml_text import lines_of_items, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Chart.lock"
PATTERNS = ("**/Chart.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked charts; raises UnreadableInventoryError."""
    entries = tables(table(parse_yaml_tables(file)).get("dependencies"))
    lines = lines_of_items(file.text, "dependencies", len(entries))
    for line, entry in zip(lines, entries, strict=True):
        name, version = word(entry.get("name")), word(entry.get("version"))
        if name and version:
            yield Package(type="helm", name=name, version=version, path=file.path, line=line)
        else:
            file.leave_out(line, "a chart with a name and a version is wanted")
