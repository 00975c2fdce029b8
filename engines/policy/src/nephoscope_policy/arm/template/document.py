"""A template or parameters file as text: its JSON value, and the place of every part of it."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any, TypeAlias

import msgspec

from nephoscope_policy.arm.json_text import ArmJsonError, TextMark, parse_json
from nephoscope_policy.arm.lazy_json_places import StrictMark, mark_strictly
from nephoscope_policy.arm.template.errors import TemplateError
from nephoscope_policy.arm.text_encoding import find_encoding
from nephoscope_policy.model.source_location import Place

Path: TypeAlias = tuple[str | int, ...]
"""The keys and 0-based indexes from a document's root to a value."""

Located: TypeAlias = "tuple[TemplateDocument, Path, Any]"
"""A part of a document: the document, the path, and its JSON."""

_STEP = re.compile(r"\['([^']*)'\]|\[(\d+)\]|([^.\[\]]+)")

MAX_TEXT = 8 * 1024 * 1024
"""Characters that a document may have; Azure takes 4 MB."""


class TemplateDocument:
    """A file's JSON value with its places; strict JSON is read fast, and its places are found when the first one is asked for.

    `compiled`: the text is not the JSON but what it was compiled from, such as a Bicep file.
    """

    __slots__ = ("_fixed", "_lines", "_mark", "closures", "compiled", "file", "text", "value")

    def __init__(self, file: str, text: str, value: Any, mark: StrictMark | TextMark | None = None) -> None:
        self.file = file
        self.text = text
        self.value = value
        self.compiled = False
        self.closures: dict[int, Any] = {}
        self._mark: StrictMark | TextMark | None = mark
        self._lines: list[int] = []
        self._fixed: Place | None = None

    @classmethod
    def from_expression(cls, value: object, place: Place) -> TemplateDocument:
        """A document that an expression made: everything in it stands where the expression does."""
        document = cls(place.file, "", value)
        document._fixed = place
        return document

    @classmethod
    def from_source(cls, value: object, file: str, text: str, mark: TextMark) -> TemplateDocument:
        """A document that was compiled from a text; `mark` leads from its parts to the characters of the text, as far as is known."""
        document = cls(file, text, value, mark)
        document.compiled = True
        return document

    def make_part(self, path: Path, value: object) -> TemplateDocument:
        """A part of this document as one of its own: places stay those of the file."""
        document = TemplateDocument(self.file, self.text, value, self._find_mark(path))
        document.compiled = self.compiled
        return document

    @classmethod
    def parse(cls, text: str | bytes, file: str, longest: int = MAX_TEXT) -> TemplateDocument:
        """Read a file's text; raises TemplateError with the place for what is no JSON, not UTF-8 or too large."""
        if len(text) > longest:
            raise TemplateError(Place(file), f"the file has more than {longest} characters: split it")
        decoded = _decode_template(text, file)
        try:
            return cls(file, decoded, msgspec.json.decode(decoded.removeprefix("\ufeff")))
        except (msgspec.DecodeError, RecursionError):
            return cls._parse_tolerantly(decoded, file)

    @classmethod
    def _parse_tolerantly(cls, text: str, file: str) -> TemplateDocument:
        try:
            value, mark = parse_json(text)
        except ArmJsonError as error:
            line, column = _locate_offset(_find_line_starts(text), error.offset)
            raise TemplateError(Place(file, line, column), f"not JSON: {error}") from error
        return cls(file, text, value, mark)

    def find_place(self, path: Path, offset: int = 0) -> Place:
        """Return the place of a value (of a string: its character `offset`), or that of the last part of its path that exists."""
        if self._fixed is not None:
            return self._fixed
        mark = self._find_mark(path)
        offset = 0 if self.compiled else offset
        start = mark.start + (offset + 1 if offset and mark.start + offset + 1 < mark.end else 0)
        line, column = self.find_position(start)
        return Place(self.file, line, column, format_path(path))

    def find_position(self, offset: int) -> tuple[int, int]:
        """The 1-based line and column of an offset in the text; the beginnings of the lines are found once."""
        if not self._lines:
            self._lines = _find_line_starts(self.text)
        return _locate_offset(self._lines, offset)

    def find_span(self, path: Path) -> tuple[int, int]:
        """The start and end offsets of a value in the text."""
        mark = self._find_mark(path)
        return mark.start, mark.end

    def _find_mark(self, path: Path) -> StrictMark | TextMark:
        if self._mark is None:
            self._mark = mark_strictly(self.text)
        mark = self._mark
        for step in path:
            below = mark.find_child_mark(step)
            if below is None:
                return mark
            mark = below
        return mark


class WrittenValue(msgspec.Struct, frozen=True):
    """A value as it is written; `offset` is the character of an expression's text that it begins at (0 = the whole)."""

    document: TemplateDocument
    path: Path
    offset: int = 0

    @property
    def place(self) -> Place:
        """Its file, line, column and path."""
        return self.document.find_place(self.path, self.offset)

    @property
    def span(self) -> tuple[int, int]:
        """The start and end offsets of the whole value in the document's text."""
        return self.document.find_span(self.path)


def format_path(path: Path) -> str:
    """A path as messages have it: `resources[0].properties['a.b']`."""
    pieces: list[str] = []
    for step in path:
        if isinstance(step, int):
            pieces.append(f"[{step}]")
        elif step.replace("_", "a").replace("-", "a").replace("$", "a").isalnum():
            pieces.append(f".{step}" if pieces else step)
        else:
            pieces.append(f"['{step}']")
    return "".join(pieces)


def parse_shown_path(text: str) -> Path:
    """Read a path as messages have it, with or without `$` at its start."""
    found = _STEP.findall(text.removeprefix("$"))
    return tuple(int(index) if index else quoted or name for quoted, index, name in found)


def member(node: object, name: str) -> tuple[str, Any] | None:
    """A member of an object with its key as it is spelled, in any case; None where there is none."""
    if not isinstance(node, dict):
        return None
    if name in node:
        return name, node[name]
    size, folded = len(name), name.lower()
    for key in node:
        if len(key) == size and key.lower() == folded:
            return key, node[key]
    return None


def _decode_template(text: str | bytes, file: str) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode(find_encoding(text))
    except UnicodeDecodeError as error:
        raise TemplateError(
            Place(file, text.count(b"\n", 0, error.start) + 1),
            f"the file is not UTF-8 ({error.reason} at byte {error.start}): save it as UTF-8",
        ) from error


def _find_line_starts(text: str) -> list[int]:
    starts = [0]
    at = text.find("\n")
    while at >= 0:
        starts.append(at + 1)
        at = text.find("\n", at + 1)
    return starts


def _locate_offset(starts: list[int], offset: int) -> tuple[int, int]:
    line = bisect_right(starts, offset)
    return line, offset - starts[line - 1] + 1
