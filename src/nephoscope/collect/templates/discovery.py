"""Readers are found by scanning this folder: a module with TITLE, `recognizes(name, head)` and `read(source)`.

A reader claims a file by its name (relative to the root, with `/`, in any case) and its whole text. The most specific reader wins:
the one with the lowest PRECEDENCE.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache

import msgspec

import nephoscope.collect.templates as package
from nephoscope.collect.templates.source_text import SourceText

#: Files of more characters are not read, where the reader has no MAX_SIZE of its own.
MAX_SIZE = 4_000_000


class UnreadableFileError(Exception):
    """A file that its reader cannot read: what is wrong, with the 1-based line and column."""

    def __init__(self, message: str, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line, self.column = line, column


class ReaderError(Exception):
    """A module in this folder that is half a reader."""


class TemplateReader(msgspec.Struct, frozen=True):
    """A module that reads one kind of file; `read` raises UnreadableFileError."""

    name: str
    title: str
    precedence: int
    recognizes: Callable[[str, str], bool]
    read: Callable[[SourceText], object]
    max_size: int


@cache
def load_readers() -> tuple[TemplateReader, ...]:
    """Return every reader, the most specific first; raises ReaderError."""
    found = []
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg:
            continue
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        if not hasattr(module, "TITLE"):
            continue
        missing = [name for name in ("PRECEDENCE", "recognizes", "read") if not hasattr(module, name)]
        if missing:
            raise ReaderError(f"{module.__name__} has TITLE but no {' and no '.join(missing)}")
        found.append(
            TemplateReader(
                info.name,
                module.TITLE,
                module.PRECEDENCE,
                module.recognizes,
                module.read,
                getattr(module, "MAX_SIZE", MAX_SIZE),
            )
        )
    return tuple(sorted(found, key=lambda reader: (reader.precedence, reader.name)))


def find_reader(name: str, text: str) -> TemplateReader | None:
    """Return the reader that claims a file; None where none does."""
    return next((reader for reader in load_readers() if reader.recognizes(name, text)), None)


def read_template(name: str, text: str) -> tuple[str, object] | None:
    """Return the reader's name and the document of a file; None where no reader claims it. Raises UnreadableFileError."""
    return read_source(SourceText(name, text))


def read_source(source: SourceText) -> tuple[str, object] | None:
    """Return the reader's name and the document of a text; None where no reader claims it. Raises UnreadableFileError."""
    reader = find_reader(source.name, source.text)
    if reader is None:
        return None
    if "\0" in source.text:
        place = source.find_position(source.text.index("\0"))
        raise UnreadableFileError("the file holds a NUL character: it is not text", *place)
    if len(source.text) > reader.max_size:
        raise UnreadableFileError(
            f"the file has {len(source.text)} characters, more than {reader.max_size}: split it"
        )
    return reader.name, reader.read(source)
