"""Snaps: the description that each brings along."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import table, word
from nephoscope.collect.inventory.formats.yaml_text import lines_of_keys, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "snap description"
PATTERNS = ("snap/*/*/meta/snap.yaml", "var/lib/snapd/snap/*/*/meta/snap.yaml")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the snap; raises UnreadableInventoryError."""
    snap = table(parse_yaml_tables(file))
    name, version = word(snap.get("name")), word(snap.get("version"))
    if not name or not version:
        raise file.refusal("the description has no name or no version")
    architectures = snap.get("architectures")
    yield Package(
        type="snap",
        name=name,
        version=version,
        architecture=", ".join(map(str, architectures)) if isinstance(architectures, list) else "",
        path=file.path,
        line=lines_of_keys(file.text, 0).get("name", 1),
        licenses=(word(snap.get("license")),) if snap.get("license") else (),
    )
