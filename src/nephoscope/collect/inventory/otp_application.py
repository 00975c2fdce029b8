"""Erlang applications that are installed or part of a release: the resource file of each."""

from __future__ import annotations

import re
from collections.abc import Iterator

from nephoscope.collect.inventory.inventory_file import InventoryFile
from nephoscope.model.package import Package

TITLE = "Erlang application"
PATTERNS = ("**/ebin/*.app",)

_NAME = re.compile(r"\{\s*application\s*,\s*'?([\w@]+)'?\s*,")
_VERSION = re.compile(r'\{\s*vsn\s*,\s*"([^"]*)"')
_NEEDED = re.compile(r"\{\s*applications\s*,\s*\[([^\[\]]*)\]")
_COMMENT = re.compile(r"^[^\S\n]*%.*$", re.MULTILINE)


def read(file: InventoryFile) -> Iterator[Package]:
    """Give the application; raises UnreadableInventoryError."""
    text = _COMMENT.sub("", file.text)
    name, version, needed = _NAME.search(text), _VERSION.search(text), _NEEDED.search(text)
    if name is None or version is None:
        raise file.make_error("the resource file has no application or no vsn")
    yield Package(
        type="otp",
        name=name[1],
        version=version[1],
        path=file.path,
        line=text.count("\n", 0, version.start()) + 1,
        dependencies=tuple(re.findall(r"[\w@]+", needed[1])) if needed else (),
    )
