"""Find the end of each bracket, string and comment in a Bicep text, in one pass."""

from __future__ import annotations

import re

_CODE = re.compile(r"//[^\n]*|/\*|'''|'|[\[\]{}()]")
_STRING = re.compile(r"\\.|\$\{|'|\n")
_CLOSING = {"}": "{", "]": "[", ")": "("}


def find_bracket_ends(text: str) -> dict[int, int]:
    """Return the offset after the end by the offset of the beginning; what is not closed is not in it."""
    return _BicepScanner(text).ends


class _BicepScanner:
    def __init__(self, text: str) -> None:
        self.ends: dict[int, int] = {}
        self._text = text
        self._open: list[tuple[str, int]] = []
        at: int | None = 0
        while at is not None:
            at = self._scan_string(at) if self._open and self._open[-1][0] == "'" else self._scan_code(at)

    def _scan_code(self, at: int) -> int | None:
        match = _CODE.search(self._text, at)
        if match is None:
            return None
        found, start, end = match[0], match.start(), match.end()
        if found == "/*":
            return self._skip_comment(start)
        if found[0] == "/":
            self.ends[start] = end
        elif found == "'''":
            return self._scan_long_string(start)
        elif found in _CLOSING:
            self._close_bracket(_CLOSING[found], end)
        else:
            self._open.append((found, start))
        return end

    def _skip_comment(self, start: int) -> int | None:
        end = self._text.find("*/", start + 2)
        if end < 0:
            return None
        self.ends[start] = end + 2
        return end + 2

    def _scan_long_string(self, start: int) -> int | None:
        end = self._text.find("'''", start + 3)
        if end < 0:
            return None
        end += 3
        while self._text.startswith("'", end):
            end += 1
        self.ends[start] = end
        return end

    def _scan_string(self, at: int) -> int | None:
        match = _STRING.search(self._text, at)
        if match is None:
            return None
        if match[0] == "${":
            self._open.append(("{", match.start() + 1))
        elif match[0] == "\n":
            self._open.pop()  # a string does not go over a line's end: it is not closed
        elif match[0] == "'":
            self.ends[self._open.pop()[1]] = match.end()
        return match.end()

    def _close_bracket(self, opening: str, end: int) -> None:
        if self._open and self._open[-1][0] == opening:
            self.ends[self._open.pop()[1]] = end
