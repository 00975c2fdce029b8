"""Scala and Java libraries that sbt locked: build.sbt.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import (
    require_table,
    require_tables,
    require_word,
    require_words,
)
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "sbt lock file"
PATTERNS = ("**/*.sbt.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked libraries; raises UnreadableInventoryError."""
    document = require_table(parse_json(file))
    version = require_word(document.get("lockVersion"))
    if version != "1":
        raise file.make_error(f"the version {version or '(none)'} of the lock file is not supported")
    lines = KeyLines(file.text, of_strings=True)
    for entry in require_tables(document.get("dependencies")):
        organization, groups = require_word(entry.get("org")), require_words(entry.get("configurations"))
        lines.find_next(organization)
        name = require_word(entry.get("name"))
        yield Package(
            type="maven",
            name=f"{organization}:{name}",
            version=require_word(entry.get("version")),
            path=file.path,
            line=lines.find_next(name),
            groups=groups,
            is_development=groups == ("test",),
        )
