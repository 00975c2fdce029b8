"""WordPress itself: the file that has its version."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "WordPress"
PATTERNS = ("**/wp-includes/version.php",)
MAX_SIZE = 1_000_000

_VERSION = re.compile(r"""^[ \t]*\$wp_version\s*=\s*["']([^"'\n]+)["']\s*;""", re.MULTILINE)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give WordPress; raises UnreadableInventoryError where the file has no version."""
    found = _VERSION.search(file.text)
    if found is None:
        raise file.make_error("the file sets no $wp_version")
    line = file.text.count("\n", 0, found.start(1)) + 1
    yield Package(type="wordpress", name="wordpress", version=found[1], path=file.path, line=line)
