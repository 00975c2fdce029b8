"""D packages that DUB selected: dub.selections.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_relaxed_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "dub.selections.json"
PATTERNS = ("**/dub.selections.json",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the selected packages; branches and commits have no version, folders are members. Raises UnreadableInventoryError."""
    lines = KeyLines(file.text)
    lines.find_next("versions")
    for name, value in require_table(require_table(parse_relaxed_json(file)).get("versions")).items():
        entry = value if isinstance(value, dict) else {"version": value}
        version = require_word(entry.get("version"))
        yield Package(
            type="dub",
            name=name,
            version="" if version.startswith("~") or "repository" in entry else version,
            path=file.path,
            line=lines.find_next(name),
            relationship="member" if require_word(entry.get("path")) else "",
        )
