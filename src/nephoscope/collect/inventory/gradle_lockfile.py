"""Java libraries that Gradle locked: gradle.lockfile and buildscript-gradle.lockfile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Gradle lock file"
PATTERNS = ("**/*gradle.lockfile", "**/gradle/dependency-locks/*.lockfile")

_LINE = re.compile(r"([^:=\s]+):([^:=\s]+):([^:=\s]+)(?:=(.*))?")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the locked libraries; raises UnreadableInventoryError."""
    for number, text in enumerate(file.text.split("\n"), 1):
        line = text.strip()
        if not line or line.startswith(("#", "empty=")):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            file.record_left_out_entry(
                number, f"`group:artifact:version=configurations` is wanted: {line[:60]!r}"
            )
            continue
        groups = tuple(part.strip() for part in (found[4] or "").split(",") if part.strip())
        yield Package(
            type="maven",
            name=f"{found[1]}:{found[2]}",
            version=found[3],
            path=file.path,
            line=number,
            groups=groups,
            is_development=bool(groups) and all(group.lower().startswith("test") for group in groups),
        )
