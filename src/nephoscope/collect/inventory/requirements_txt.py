"""Python packages that a requirements file asks for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from msgspec.structs import replace

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "requirements file"
PATTERNS = ("**/*requirements*.txt", "**/requirements/*.txt")

_INCLUDED = re.compile(r"(?:-r|--requirement)[ \t=]*[\"']?([^\s\"'#]+)")
_OWN_NAME = re.compile(r"/[^/]*requirements[^/]*\.txt$|/requirements/[^/]+\.txt$")
_MAX_INCLUDED = 100
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTION = re.compile(r"(?<!\s)\s+(?:--[a-z]|-[A-Za-z]\s).*")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; those without one exact version have their range as `constraint`. Raises UnreadableInventoryError."""
    yield from _read(file, {file.path})


def _read(file: InventoryFile, seen: set[str]) -> Iterator[Package]:
    for number, line in _parse_logical_lines(file.text):
        if line.startswith("-"):
            if (included := _INCLUDED.match(line)) is not None:
                yield from _read_included(file, number, included[1], seen)
            continue
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


def _read_included(file: InventoryFile, number: int, name: str, seen: set[str]) -> Iterator[Package]:
    """Give the packages of an included file at the line that includes it; a file that is read by its own name has them itself."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), name))
    if path in seen or _OWN_NAME.search(f"/{path}"):
        return
    content = file.read_neighbor(name)
    if content is None or len(seen) > _MAX_INCLUDED:
        file.leave_out(number, f"the requirements file {name} is included and is not read")
        return
    seen.add(path)
    other = InventoryFile(path, content, file.beside, file.system, file.set_aside)
    for package in _read(other, seen):
        yield replace(package, path=file.path, line=number)


def _parse_logical_lines(text: str) -> Iterator[tuple[int, str]]:
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
