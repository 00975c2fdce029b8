"""Find the end of each bracket, string, comment and heredoc in a Terraform text, in one pass."""

from __future__ import annotations

import re

_CODE = re.compile(r"#[^\n]*|//[^\n]*|/\*|<<-?[ \t]*(?P<mark>[A-Za-z_][\w-]*)[ \t]*\r?\n|\"|[\[\]{}()]")
_STRING = re.compile(r"\\.|\$\$\{|%%\{|\$\{|%\{|\"|\n")
_CLOSING = {"}": "{", "]": "[", ")": "("}


def find_bracket_ends(text: str) -> dict[int, int]:
    """Return the offset after the end by the offset of the beginning; what is not closed is not in it."""
    return _HclScanner(text).ends


class _HclScanner:
    def __init__(self, text: str) -> None:
        self.ends: dict[int, int] = {}
        self._text = text
        self._open: list[tuple[str, int]] = []
        at: int | None = 0
        while at is not None:
            at = self._scan_string(at) if self._open and self._open[-1][0] == '"' else self._scan_code(at)

    def _scan_code(self, at: int) -> int | None:
        match = _CODE.search(self._text, at)
        if match is None:
            return None
        found, start, end = match[0], match.start(), match.end()
        if found == "/*":
            return self._scan_until("*/", start, end)
        if found[0] in "#/":
            self.ends[start] = end
        elif match["mark"]:
            return self._skip_heredoc(match["mark"], start, end)
        elif found in _CLOSING:
            if self._open and self._open[-1][0] == _CLOSING[found]:
                self.ends[self._open.pop()[1]] = end
        else:
            self._open.append((found, start))
        return end

    def _scan_until(self, closing: str, start: int, at: int) -> int | None:
        end = self._text.find(closing, at)
        if end < 0:
            return None
        self.ends[start] = end + len(closing)
        return end + len(closing)

    def _skip_heredoc(self, mark: str, start: int, at: int) -> int | None:
        """Skip to the line that holds the mark alone; one without an end goes to the end of the text."""
        match = re.compile(rf"^[ \t]*{re.escape(mark)}[ \t]*\r?$", re.MULTILINE).search(self._text, at - 1)
        if match is None:
            return None
        self.ends[start] = match.end()
        return match.end()

    def _scan_string(self, at: int) -> int | None:
        match = _STRING.search(self._text, at)
        if match is None:
            return None
        if match[0] in ("${", "%{"):
            self._open.append(("{", match.start() + 1))
        elif match[0] == "\n":
            self._open.pop()  # a string does not go over a line's end: it is not closed
        elif match[0] == '"':
            self.ends[self._open.pop()[1]] = match.end()
        return match.end()
