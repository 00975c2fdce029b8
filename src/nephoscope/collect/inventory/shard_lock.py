"""Crystal packages that Shards locked: shard.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.formats.yaml_text import map_key_lines, parse_yaml_tables
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "shard.lock"
PATTERNS = ("**/shard.lock",)

#: What stands behind a version that is a commit after it, not a release.
_COMMIT = "+git.commit."


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked shards, those of a folder as members; raises UnreadableInventoryError."""
    lines = map_key_lines(file.text, 2)
    for name, value in require_table(require_table(parse_yaml_tables(file)).get("shards")).items():
        entry = require_table(value)
        yield Package(
            type="shards",
            name=name,
            version=require_word(entry.get("version")).partition(_COMMIT)[0],
            path=file.path,
            line=lines.get(name, 1),
            relationship="member" if require_word(entry.get("path")) else "",
        )
