"""Extensions of Chrome and its relatives: the manifest; the folders tell the identifier and the version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Chrome extension"
PATTERNS = ("**/Extensions/*/*/manifest.json",)

_FOLDERS = re.compile(r"(?:^|/)([a-p]{32})/([^/]+)/manifest\.json\Z")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the extension; raises UnreadableInventoryError."""
    manifest = require_table(parse_json(file))
    found = _FOLDERS.search(file.path)
    version = require_word(manifest.get("version"))
    if found is None or not version:
        raise file.make_error("the path has no extension ID, or the manifest has no version")
    yield Package(type="generic", name=found[1], version=version, path=file.path, line=1)
