"""Snaps: the description that each brings along."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import map_key_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "snap description"
PATTERNS = ("snap/*/*/meta/snap.yaml", "var/lib/snapd/snap/*/*/meta/snap.yaml")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the snap; raises UnreadableInventoryError."""
    snap = require_table(parse_yaml_tables(file))
    name, version = require_word(snap.get("name")), require_word(snap.get("version"))
    if not name or not version:
        raise file.make_error("the description has no name or no version")
    architectures = snap.get("architectures")
    yield Package(
        type="snap",
        name=name,
        version=version,
        architecture=", ".join(map(str, architectures)) if isinstance(architectures, list) else "",
        path=file.path,
        line=map_key_lines(file.text, 0).get("name", 1),
        licenses=(require_word(snap.get("license")),) if snap.get("license") else (),
    )
