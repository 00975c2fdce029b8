"""Packages of Nix: the valid paths of the store, by its database."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.sqlite_memory import query_rows
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Nix store"
PATTERNS = ("nix/var/nix/db/db.sqlite",)
MAX_SIZE = 1_000_000_000

#: A path of the store is a name in a folder, and no name is longer.
_LONGEST = 280
_PATH = re.compile(
    r"/nix/store/[0-9a-z]{32}-(.+?)-(\d[^-]*(?:-[^-]*\d[^-]*)*?)(?:-(bin|dev|out|lib|doc|man|info|static))?"
)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages, derivations left out; raises UnreadableInventoryError."""
    seen: set[tuple[str, str]] = set()
    try:
        for (path,) in query_rows(file.content, "SELECT path FROM ValidPaths ORDER BY id"):
            if not isinstance(path, str) or len(path) > _LONGEST or path.endswith(".drv"):
                continue
            found = _PATH.fullmatch(path)
            if found is None or (found[1], found[2]) in seen:
                continue
            seen.add((found[1], found[2]))
            yield Package(type="nix", name=found[1], version=found[2], path=file.path)
    except ValueError as error:
        raise file.make_error(str(error)) from error
