"""Modules that Bazel chose: MODULE.bazel.lock.

From version 11 of the format it has the files of the registry that were read: of a module that was chosen, its `source.json`.
Before, it has the graph of modules. Source: https://bazel.build/external/lockfile.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import require_table, require_word
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "MODULE.bazel.lock"
PATTERNS = ("**/MODULE.bazel.lock",)

_CHOSEN = re.compile(r".*/modules/([^/]+)/([^/]+)/source\.json")
_ROOT = "<root>"


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the modules; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    lines = KeyLines(file.text)
    for address, digest in require_table(document.get("registryFileHashes")).items():
        found = _CHOSEN.fullmatch(address)
        if found is not None and digest is not None:
            yield Package(
                type="bazel", name=found[1], version=found[2], path=file.path, line=lines.find_first(address)
            )
    for key, value in require_table(document.get("moduleDepGraph")).items():
        module = require_table(value)
        name, version = require_word(module.get("name")), require_word(module.get("version"))
        if key == _ROOT:
            continue
        if not name or not version:
            file.record_left_out_entry(lines.find_first(key), f"the module {key[:80]!r} has no version")
            continue
        needed = tuple(require_word(one) for one in require_table(module.get("deps")).values())
        yield Package(
            type="bazel",
            name=name,
            version=version,
            path=file.path,
            line=lines.find_first(key),
            dependencies=needed,
        )
