"""A file that lists packages, and what a reader says of it."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

import msgspec

from nephoscope.collect.inventory.operating_system import OperatingSystem

#: The most bytes and lines of a file that is read as text, and the most entries of a file that are left out.
MAX_TEXT = 32_000_000
MAX_LINES = 2_000_000
MAX_SET_ASIDE = 10_000


class UnreadableInventoryError(Exception):
    """A file that its reader cannot read: what is wrong, with the path and the 1-based line."""

    def __init__(self, path: str, message: str, line: int = 1) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.message, self.line = path, message, line


class SetAside(NamedTuple):
    """An entry of a file that is not a package that could be read: where it stands and why."""

    line: int
    reason: str


def _read_nothing(path: str) -> bytes | None:
    del path
    return None


class InventoryFile(msgspec.Struct, dict=True, eq=False):
    """A file below a root: its path with `/`, its content, the files beside it, and the operating system of the root.

    `beside` gives the content of another file of the same root by its path, None where there is none.
    """

    path: str
    content: bytes
    beside: Callable[[str], bytes | None] = _read_nothing
    system: OperatingSystem | None = None
    set_aside: list[SetAside] = msgspec.field(default_factory=list)

    @property
    def name(self) -> str:
        """Return the last part of the path."""
        return posixpath.basename(self.path)

    @cached_property
    def text(self) -> str:
        """Return the text, without a byte order mark and with `\\n` for each end of a line; raises UnreadableInventoryError."""
        return decode_text(self.path, self.content).replace("\r\n", "\n").replace("\r", "\n")

    def make_error(self, message: str, line: int = 1) -> UnreadableInventoryError:
        """Return the error that says why the file is not read, to be raised."""
        return UnreadableInventoryError(self.path, message, line)

    def record_left_out_entry(self, line: int, reason: str) -> None:
        """Record an entry that is not taken over; raises UnreadableInventoryError where there are too many."""
        if len(self.set_aside) >= MAX_SET_ASIDE:
            raise self.make_error(
                f"more than {MAX_SET_ASIDE} entries are not packages that can be read", line
            )
        self.set_aside.append(SetAside(line, reason))

    def read_neighbor(self, relative: str) -> bytes | None:
        """Return the content of the file at a path relative to this one's folder; None where there is none, or it lies outside."""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), relative))
        return None if path.startswith(("../", "/")) or path == ".." else self.beside(path)


def decode_text(path: str, content: bytes) -> str:
    """Return the text of UTF-8 or, with its byte order mark, UTF-16, within MAX_TEXT; raises UnreadableInventoryError."""
    if len(content) > MAX_TEXT or content.count(b"\n") > MAX_LINES or content.count(b"\r") > MAX_LINES:
        raise UnreadableInventoryError(
            path, f"a text of more than {MAX_TEXT} bytes or {MAX_LINES} lines is not read"
        )
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableInventoryError(path, f"the file is not a {encoding.upper()} text", line) from error
