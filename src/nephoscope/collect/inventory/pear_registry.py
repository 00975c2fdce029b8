"""PHP extensions and libraries that PEAR and PECL installed: the registry of each channel, values as PHP serializes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "PEAR registry"
PATTERNS = ("**/.registry/*.reg", "**/.registry/.channel.*/*.reg")

_NAME = re.compile(r's:(?:4:"name"|7:"package");s:\d+:"([^"\n]+)"')
#: The release of a package; of the second form of the description, whose own version stands before it as a text.
_RELEASES = (
    re.compile(r's:7:"version";a:\d+:\{s:7:"release";s:\d+:"([^"\n]+)"'),
    re.compile(r's:7:"version";s:\d+:"([^"\n]+)"'),
)
_CHANNEL = re.compile(r's:7:"channel";s:\d+:"([^"\n]+)"')
_FIRST_CHANNEL = "pear.php.net"


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the package under its channel; raises UnreadableInventoryError."""
    name, channel = _NAME.search(file.text), _CHANNEL.search(file.text)
    version = _RELEASES[0].search(file.text) or _RELEASES[1].search(file.text)
    if name is None or version is None:
        raise file.make_error("the record has no name or no release")
    yield Package(
        type="pear",
        name=f"{channel[1] if channel else _FIRST_CHANNEL}/{name[1]}",
        version=version[1],
        path=file.path,
        line=1,
    )
