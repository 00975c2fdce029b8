"""Extensions that Visual Studio Code installed: its list extensions.json."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_tables, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Visual Studio Code extensions"
PATTERNS = ("**/.vscode/extensions/extensions.json", "**/.vscode-server/extensions/extensions.json")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the extensions; raises UnreadableInventoryError."""
    lines = KeyLines(file.text, of_strings=True)
    for entry in require_tables(parse_json(file)):
        name = require_word(require_table(entry.get("identifier")).get("id"))
        version = require_word(entry.get("version"))
        if not name or not version:
            raise file.make_error("an extension has no identifier or no version", lines.find_first(name) or 1)
        yield Package(type="generic", name=name, version=version, path=file.path, line=lines.find_next(name))
