"""The text of a file with places: offsets become lines and columns."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nephoscope_policy.arm.template import TemplateDocument

#: A line ends with \n, \r\n or a lone \r, as YAML, Dockerfiles and JSON read it.
_LINE_END = re.compile(r"\r\n|\n|\r")


class TextSpan(NamedTuple):
    """Offsets into a text: the first character and the one after the last."""

    start: int
    end: int


class SourceText:
    """A file's name and text; `parsed` is the document that the text was parsed to before, where it was."""

    def __init__(self, name: str, text: str, parsed: TemplateDocument | None = None) -> None:
        self.name = name
        self.text = text
        self.parsed = parsed

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def find_position(self, offset: int) -> tuple[int, int]:
        """Return the 1-based line and column of an offset; one outside of the text is its nearest end."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def find_offset(self, line: int, column: int) -> int:
        """Return the offset of a 1-based line and column, within the text."""
        start = self._starts[min(max(line, 1), len(self._starts)) - 1]
        return min(start + max(column, 1) - 1, len(self.text))

    def find_end_column(self, line: int) -> int:
        """Return the first column after a 1-based line."""
        start = self.find_offset(line, 1)
        end = _LINE_END.search(self.text, start)
        return (end.start() if end else len(self.text)) - start + 1

    def get_text(self, span: TextSpan) -> str:
        """Return the text of a span."""
        return self.text[span.start : span.end]
