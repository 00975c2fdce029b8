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
_CONSTRAINED = re.compile(r"(?:-c|--constraint)[ \t=]*[\"']?([^\s\"'#]+)")
_OWN_NAME = re.compile(r"/[^/]*requirements[^/]*\.txt$|/requirements/[^/]+\.txt$")
_MAX_INCLUDED = 100
_COMMENT = re.compile(r"(?:^|\s)#.*")
_OPTION = re.compile(r"(?<!\s)\s+(?:--[a-z]|-[A-Za-z]\s).*")
_VARIABLE = re.compile(r"\$\{[A-Z0-9_]+\}")


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages; those without one exact version, in files of constraints neither, have their range as `constraint`.

    Raises UnreadableInventoryError.
    """
    yield from _read_requirements(file, {file.path}, {})


def _read_requirements(file: InventoryFile, seen: set[str], pins: dict[str, str]) -> Iterator[Package]:
    lines = list(_parse_logical_lines(file.text))
    for number, line in lines:
        if (constrained := _CONSTRAINED.match(line)) is not None:
            _read_pins(file, number, constrained[1], pins)
    for number, line in lines:
        if line.startswith("-"):
            if (included := _INCLUDED.match(line)) is not None:
                yield from _read_included_packages(file, number, included[1], seen, pins)
            continue
        entry = _OPTION.sub("", line).strip()
        if _VARIABLE.search(entry):
            file.record_left_out_entry(number, "the requirement holds a variable of the environment")
            continue
        found = parse_requirement(entry)
        if found is None:
            file.record_left_out_entry(number, f"this is no requirement with a name: {entry[:60]!r}")
            continue
        pin = pins.get(_normalize(found.name), "") if found.constraint[:1] != "@" else ""
        yield Package(
            type="pypi",
            name=found.name,
            version=(found.constraint and pin) or found.version,
            path=file.path,
            line=number,
            relationship="declared",
            constraint="" if pin else found.constraint,
        )


def _read_pins(file: InventoryFile, number: int, name: str, pins: dict[str, str]) -> None:
    """Add the versions that a file of constraints pins; a name that has several, for different systems, is left as it is asked for."""
    content = file.read_neighbor(name)
    if content is None:
        file.record_left_out_entry(number, f"the file of constraints {name} is not read")
        return
    found: dict[str, set[str]] = {}
    for _, line in _parse_logical_lines(InventoryFile(name, content).text):
        pinned = parse_requirement(_OPTION.sub("", line).strip())
        if pinned is not None and not pinned.constraint:
            found.setdefault(_normalize(pinned.name), set()).add(pinned.version)
    pins.update({name: next(iter(versions)) for name, versions in found.items() if len(versions) == 1})


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_included_packages(
    file: InventoryFile, number: int, name: str, seen: set[str], pins: dict[str, str]
) -> Iterator[Package]:
    """Give the packages of an included file at the line that includes it; a file that is read by its own name has them itself."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), name))
    if path in seen or _OWN_NAME.search(f"/{path}"):
        return
    content = file.read_neighbor(name)
    if content is None or len(seen) > _MAX_INCLUDED:
        file.record_left_out_entry(number, f"the requirements file {name} is included and is not read")
        return
    seen.add(path)
    other = InventoryFile(path, content, file.beside, file.system, file.set_aside)
    for package in _read_requirements(other, seen, pins):
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
