"""Applications of macOS: the property list of each."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "macOS application"
PATTERNS = ("**/Applications/*.app/Contents/Info.plist", "Applications/*.app/Contents/Info.plist")
MAX_SIZE = 4_000_000


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the application; raises UnreadableInventoryError."""
    import plistlib  # every reader is loaded for its patterns, and few files are read
    from xml.parsers.expat import ExpatError

    try:
        properties = require_table(plistlib.loads(file.content))
    except (
        plistlib.InvalidFileException,
        ExpatError,
        ValueError,
        RecursionError,
        LookupError,
        OverflowError,
    ) as error:
        raise file.make_error(f"this is not a property list: {str(error)[:200]}") from error
    name = require_word(properties.get("CFBundleName")) or require_word(properties.get("CFBundleDisplayName"))
    if not name:
        raise file.make_error("the property list has no bundle")
    version = require_word(properties.get("CFBundleShortVersionString"))
    yield Package(type="macapps", name=name, version=version, path=file.path, line=1)
