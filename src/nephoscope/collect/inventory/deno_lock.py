"""Packages of npm and JSR that Deno locked: deno.lock of versions 2 to 5.

The packages stand below `npm` and `jsr`, in version 2 below `npm.packages`, in version 3 below `packages`. Keys are `name@1.0.0`, of
npm with the peers behind an underscore. Source: the description of the format of deno_lockfile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "deno.lock"
PATTERNS = ("**/deno.lock",)

_KEY = re.compile(r"((?:@[^/@]+/)?[^/@]+)@(\d[^_@]*)(?:_.*)?")
_NEEDED = re.compile(r"(?:npm:|jsr:)?((?:@[^/@]+/)?[^/@]+)(?:@([^_]+).*)?")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked packages; modules that are locked by their address are none. Raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    lines = KeyLines(file.text)
    for type_ in ("jsr", "npm"):
        for key, value in _list_entries(document, type_).items():
            found = _KEY.fullmatch(key)
            if found is None:
                file.record_left_out_entry(lines.find_first(key), f"`name@version` is wanted: {key[:80]!r}")
                continue
            yield Package(
                type=type_,
                name=found[1],
                version=found[2],
                path=file.path,
                line=lines.find_first(key),
                dependencies=tuple(_list_needed_packages(require_table(value).get("dependencies"))),
            )


def _list_entries(document: dict[str, object], type_: str) -> dict[str, object]:
    """Return the locked packages of a type by their keys, wherever the version of the format has them."""
    own, grouped = (
        require_table(document.get(type_)),
        require_table(require_table(document.get("packages")).get(type_)),
    )
    return {**require_table(own.get("packages")), **grouped} if "packages" in own or grouped else own


def _list_needed_packages(value: object) -> Iterator[str]:
    """Give what a package needs: by the keys of others (npm), or as it asks for them (JSR)."""
    needed = [str(one) for one in value.values()] if isinstance(value, dict) else require_words(value)
    for one in needed:
        found = _NEEDED.fullmatch(one)
        if found is not None:
            exact = found[2] if found[2] and found[2][0].isdigit() else ""
            yield f"{found[1]}@{exact}" if exact else found[1]
