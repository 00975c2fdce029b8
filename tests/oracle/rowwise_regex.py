"""Regular expressions of the witness: RE2's syntax in Python's `re`, character by character; what cannot be told apart is refused."""

from __future__ import annotations

import re
from functools import cache

from rowwise_values import UnwitnessedError

CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r"\t\n\f\r "}


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as RE2 reads it: ASCII classes, `$` only at the very end, flags in the middle hold to the end of their group."""
    try:
        return re.compile(translated(pattern))
    except re.error as error:
        raise UnwitnessedError(f"the pattern {pattern!r}: {error}") from error


def translated(pattern: str) -> str:
    """RE2's pattern in Python's syntax; groups keep their numbers."""
    return _Translation(pattern).text()


class _Translation:
    """One pass over a pattern; `open_flags` holds, for each open group, the flags that were switched on inside it."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.open_flags: list[list[str]] = [[]]

    def text(self) -> str:
        while self.at < len(self.pattern):
            self._next()
        return "".join(self.out) + ")" * len(self.open_flags[-1])

    def _next(self) -> None:
        flags = re.compile(r"\(\?([imsU]+)\)").match(self.pattern, self.at)
        letter = self.pattern[self.at]
        if flags:
            self._switch(flags.group(1))
            self.at = flags.end()
        elif letter == "\\":
            self._escape(self.pattern[self.at + 1 : self.at + 2])
        elif letter == "[":
            self._class()
        else:
            self._plain(letter)
            self.at += 1

    def _switch(self, flags: str) -> None:
        if "U" in flags:
            raise UnwitnessedError("the flag U")
        self.open_flags[-1].append(flags)
        self.out.append(f"(?{flags}:")

    def _escape(self, letter: str) -> None:
        if letter.lower() in CLASSES:
            self.out.append(f"[{'^' if letter.isupper() else ''}{CLASSES[letter.lower()]}]")
        elif letter == "z":
            self.out.append(r"\Z")
        elif letter in ("Q", "E", "p", "P", "C", "X", "h", "R"):
            raise UnwitnessedError(f"\\{letter}")
        else:
            self.out.append("\\" + letter)
        self.at += 2

    def _class(self) -> None:
        end = self.at + 1
        end += self.pattern[end : end + 1] == "^"
        end += self.pattern[end : end + 1] == "]"
        while end < len(self.pattern) and self.pattern[end] != "]":
            end += 2 if self.pattern[end] == "\\" else 1
        inside = self.pattern[self.at : end + 1]
        if "[:" in inside:
            raise UnwitnessedError(inside)
        inside = re.sub(r"\\(.)", lambda found: CLASSES.get(found.group(1), found.group()), inside)
        self.out.append("[" + inside[1:].replace("[", r"\["))
        self.at = end + 1

    def _plain(self, letter: str) -> None:
        if letter == "$" and not any("m" in flags for group in self.open_flags for flags in group):
            self.out.append(r"\Z")
        elif letter == "(":
            self.open_flags.append([])
            self.out.append("(")
        elif letter == ")":
            flags = self.open_flags.pop() if len(self.open_flags) > 1 else []
            self.out.append(")" * (len(flags) + 1))
        elif letter == "|":
            flags = self.open_flags[-1]
            self.out.append(")" * len(flags) + "|" + "".join(f"(?{one}:" for one in flags))
        else:
            self.out.append(letter)
