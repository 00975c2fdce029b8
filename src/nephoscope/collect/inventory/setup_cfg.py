"""Python packages that the configuration of setuptools asks for: setup.cfg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from nephoscope.collect.inventory.formats.requirement import parse_requirement
from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "setup.cfg"
PATTERNS = ("**/setup.cfg",)

_SECTION = re.compile(r"\[([^\]]+)\]\s*(?:[#;].*)?")
_SIGN = re.compile(r"[=:]")
_COMMENT = re.compile(r"(?:^|\s)#\s.*|^[#;].*")
#: The options that hold requirements; those that only the building or the tests need are of a group.
_GROUPS = {"install_requires": "", "setup_requires": "setup", "tests_require": "test"}
_EXTRAS = "options.extras_require"


class _Line(NamedTuple):
    """A line of a value: its number, its section and option, and its text."""

    number: int
    section: str
    option: str
    text: str


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the packages of requirements; those in other files are left out. Raises UnreadableInventoryError."""
    for line in _read_lines(file.text):
        group = line.option if line.section == _EXTRAS else _GROUPS.get(line.option)
        if group is None or (line.section not in ("options", _EXTRAS)):
            continue
        found = None if line.text.startswith("file:") else parse_requirement(line.text)
        if found is None:
            file.record_left_out_entry(line.number, f"this is no requirement with a name: {line.text[:60]!r}")
            continue
        yield Package(
            type="pypi",
            name=found.name,
            version=found.version,
            path=file.path,
            line=line.number,
            groups=(group,) if group else (),
            is_development=group in ("setup", "test"),
            relationship="declared",
            constraint=found.constraint,
        )


def _read_lines(text: str) -> Iterator[_Line]:
    """Give each line of a value that has a text; a list may stand on one line with `;` between its items."""
    section = option = ""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if header := _SECTION.fullmatch(line.rstrip()):
            section, option = header[1].strip(), ""
            continue
        value = line
        if line[:1].strip():
            option, value = _split_option(line)
        plain = _COMMENT.sub("", value).strip()
        is_list = (
            value is not line
            and not plain.startswith("file:")
            and not _is_continued(lines[number : number + 1])
        )
        items = plain.split(";") if is_list else [plain]
        if option:
            yield from (_Line(number, section, option, item.strip()) for item in items if item.strip())


def _is_continued(following: list[str]) -> bool:
    return bool(following) and following[0][:1].isspace() and bool(following[0].strip())


def _split_option(line: str) -> tuple[str, str]:
    """Return the option that a line begins and the value on it, '' for both where it begins none."""
    sign = _SIGN.search(line)
    if sign is None or line[0] in "#;[=:":
        return "", ""
    return line[: sign.start()].strip(), line[sign.end() :].strip()
