"""Charts that Helm locked: Chart.lock.

Source: https://helm.sh/docs/helm/helm_dependency_build.
"""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.formats.yaml_text import list_item_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Chart.lock"
PATTERNS = ("**/Chart.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked charts; raises UnreadableInventoryError."""
    entries = require_tables(require_table(parse_yaml_tables(file)).get("dependencies"))
    lines = list_item_lines(file.text, "dependencies", len(entries))
    for line, entry in zip(lines, entries, strict=True):
        name, version = require_word(entry.get("name")), require_word(entry.get("version"))
        if name and version:
            yield Package(type="helm", name=name, version=version, path=file.path, line=line)
        else:
            file.record_left_out_entry(line, "a chart with a name and a version is wanted")
