"""Scala and Java libraries that sbt locked: build.sbt.lock."""

from __future__ import annotations

from collections.abc import Iterator

from nephoscope.collect.inventory.formats.json_text import KeyLines, parse_json
from nephoscope.collect.inventory.formats.untyped_values import table, tables, word, words
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "sbt lock file"
PATTERNS = ("**/*.sbt.lock",)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked libraries; raises UnreadableInventoryError."""
    document = table(parse_json(file))
    version = word(document.get("lockVersion"))
    if version != "1":
        raise file.refusal(f"the version {version or '(none)'} of the lock file is not supported")
    lines = KeyLines(file.text, of_strings=True)
    for entry in tables(document.get("dependencies")):
        organization, groups = word(entry.get("org")), words(entry.get("configurations"))
        lines.next_line(organization)
        name = word(entry.get("name"))
        yield Package(
            type="maven",
            name=f"{organization}:{name}",
            version=word(entry.get("version")),
            path=file.path,
            line=lines.next_line(name),
            groups=groups,
            is_development=groups == ("test",),
        )
