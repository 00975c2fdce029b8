"""Ruby gems by their specification: *.gemspec, of installed gems and of projects; the file is read as text, never run."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile, UnreadableInventoryError, decode_text
from nephoscope.model.package import Package

TITLE = "gem specification"
PATTERNS = ("**/*.gemspec",)
MAX_SIZE = 4_000_000

_BEGIN = re.compile(r"Gem::Specification\.new[^|]{0,500}\|\s*(\w+)\s*\|")
_TEXT = r"""["']([^"'\n]+)["']"""
_LICENSE = re.compile(_TEXT)
_REQUIRED = re.compile(r"^[ \t]*require(?:_relative)?\b([^\n]*)", re.MULTILINE)
_CONSTANT = re.compile(r"^[ \t]*(?:[A-Z]\w*::)*([A-Z]\w*)\s*=\s*" + _TEXT, re.MULTILINE)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the gem; where its version is a constant, of the file that the specification requires. Raises UnreadableInventoryError."""
    begin = _BEGIN.search(file.text)
    if begin is None:
        return
    name = _find_field(file, begin[1], "name")
    if name is None:
        raise file.make_error("the specification has no literal name")
    version = _find_field(file, begin[1], "version")
    known = version[0] if version else _find_constant(file, begin[1])
    if not known:
        file.record_left_out_entry(name[1], f"the version of {name[0]} is not stated in this file")
        return
    yield Package(
        type="gem",
        name=name[0],
        version=known,
        path=file.path,
        line=name[1],
        licenses=_list_licenses(file, begin[1]),
    )


def _find_field(file: InventoryFile, owner: str, field: str) -> tuple[str, int] | None:
    found = re.search(rf"^[ \t]*{re.escape(owner)}\.{field}\s*=\s*{_TEXT}", file.text, re.MULTILINE)
    return (found[1], file.text.count("\n", 0, found.start(1)) + 1) if found else None


def _list_licenses(file: InventoryFile, owner: str) -> tuple[str, ...]:
    listed = re.search(rf"^[ \t]*{re.escape(owner)}\.licenses\s*=\s*\[([^\]\[]*)\]", file.text, re.MULTILINE)
    if listed:
        return tuple(_LICENSE.findall(listed[1]))
    single = _find_field(file, owner, "license")
    return (single[0],) if single else ()


def _find_constant(file: InventoryFile, owner: str) -> str:
    written = re.search(rf"^[ \t]*{re.escape(owner)}\.version\s*=\s*([\w:]+)", file.text, re.MULTILINE)
    if written is None:
        return ""
    constant = written[1].rpartition("::")[2]
    for text in (file.text, *_read_required_gems(file)):
        for name, value in _CONSTANT.findall(text):
            if name == constant:
                return str(value)
    return ""


def _read_required_gems(file: InventoryFile) -> Iterator[str]:
    for words in _REQUIRED.findall(file.text):
        parts = [part for part in _LICENSE.findall(words) if part != "rubygems"]
        path = "/".join(part.strip("/") for part in parts)
        if not path:
            continue
        content = file.read_neighbor(path if path.endswith(".rb") else f"{path}.rb")
        try:
            if content is not None:
                yield decode_text(path, content)
        except UnreadableInventoryError as error:
            file.record_left_out_entry(1, str(error))
