"""Plugins of WordPress: the header of the main file of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "WordPress plugin"
PATTERNS = ("**/wp-content/plugins/*/*.php",)
MAX_SIZE = 16_000_000

#: WordPress reads no more of a file than this for its header.
_HEADER = 8_192
_FIELD = re.compile(
    rb"^[ \t/*#@]*(Plugin Name|Version|License):[ \t]*(.*?)[ \t]*(?:\*/)?[ \t]*\r?$", re.MULTILINE
)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the plugin by the folder's name; nothing for a file without the header."""
    head = file.content[:_HEADER]
    fields = {
        name.decode(): value.decode("utf-8", "replace") for name, value in reversed(_FIELD.findall(head))
    }
    if not fields.get("Plugin Name") or not fields.get("Version"):
        return
    parts = file.path.split("/")
    yield Package(
        type="wordpress",
        name=parts[-2] if len(parts) > 1 else fields["Plugin Name"],
        version=fields["Version"],
        path=file.path,
        line=head.count(b"\n", 0, head.find(b"Version:")) + 1,
        licenses=(fields["License"],) if fields.get("License") else (),
    )
