"""Python packages that a requirements file asks for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "requirements file"
PATTERNS = ("**/*requirements*.txt", "**/requirements/*.txt")

_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTION = re.compile(r"(?<!\s)\s+(?:--[a-z]|-[A-Za-z]\s).*")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; those without one exact version have their range as `constraint`. Raises UnreadableInventoryError."""
    for number, line in _logical_lines(file.text):
        if line.startswith("-"):
            continue  # an option, or another file
        entry = _OPTION.sub("", line).strip()
        if _VARIABLE.search(entry):
            file.leave_out(number, "the requirement holds a variable of the environment")
            continue
        found = parse_requirement(entry)
        if found is None:
            file.leave_out(number, f"this is no requirement with a name: {entry[:60]!r}")
            continue
        yield Package(
            type="pypi",
            name=found.name,
            version=found.version,
            path=file.path,
            line=number,
            relationship="declared",
            constraint=found.constraint,
        )


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    first, joined = 0, ""
    for number, line in enumerate([*text.split("\n"), ""], 1):
        plain = _COMMENT.sub("", line).rstrip()
        first = first or number
        if plain.endswith("\\"):
            joined += plain[:-1] + " "
            continue
        entry = (joined + plain).strip()
        if entry:
            yield first, entry
        first, joined = 0, ""
