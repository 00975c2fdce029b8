"""Regular expressions of the witness: RE2's syntax read piece by piece, and written in the syntax of Python's `re`.

Classes are those of all Unicode, case is folded simply, `$` is the very end, flags hold to the end of their group. What has no meaning
here is refused.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import TypeAlias

from rowwise_values import UnwitnessedError

Ranges: TypeAlias = "list[tuple[int, int]]"
"""First and last code points."""
LAST_POINT = sys.maxunicode
CONTROLS = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
POSIX = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "ascii": "\x00-\x7f", "blank": "\t ", "cntrl": "\x00-\x1f\x7f",
    "digit": "0-9", "graph": "!-~", "lower": "a-z", "print": " -~", "punct": "!-/:-@[-`{-~", "space": "\t-\r ",
    "upper": "A-Z", "word": "0-9A-Za-z_", "xdigit": "0-9A-Fa-f",
}  # fmt: skip
QUANTIFIER = re.compile(r"([*+?]|\{\d+(?:,\d*)?\})(\??)")
NAMED = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")
FLAGS = re.compile(r"\(\?([imsU]*)(?:-([imsU]*))?([:)])")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as RE2 reads it."""
    try:
        return re.compile(translated(pattern))
    except re.error as error:
        raise UnwitnessedError(f"the pattern {pattern!r}: {error}") from error


def translated(pattern: str) -> str:
    """RE2's pattern in Python's syntax; groups keep their numbers."""
    return _Translation(pattern).text()


@cache
def category(*kinds: str) -> tuple[tuple[int, int], ...]:
    """The code points whose general category begins with one of `kinds`."""
    found: Ranges = []
    for point in range(LAST_POINT + 1):
        if unicodedata.category(chr(point)).startswith(kinds):
            if found and found[-1][1] == point - 1:
                found[-1] = (found[-1][0], point)
            else:
                found.append((point, point))
    return tuple(found)


@cache
def orbits() -> dict[int, tuple[int, ...]]:
    """The code points that are one letter in several cases, by each of them."""
    found: dict[str, list[int]] = {}
    for point in range(LAST_POINT + 1):
        letter = chr(point)
        folds = [one for one in (letter.casefold(), letter.lower(), letter) if len(one) == 1]
        found.setdefault(folds[0], []).append(point)
    return {point: tuple(points) for points in found.values() if len(points) > 1 for point in points}


def outside(ranges: Ranges) -> Ranges:
    """All other code points."""
    found, first = [], 0
    for low, high in sorted(ranges):
        if low > first:
            found.append((first, low - 1))
        first = max(first, high + 1)
    return [*found, (first, LAST_POINT)] if first <= LAST_POINT else found


def folded(ranges: Ranges) -> Ranges:
    """The ranges with the other cases of their letters."""
    more = [
        (other, other)
        for point, others in orbits().items()
        if any(low <= point <= high for low, high in ranges)
        for other in others
    ]
    return ranges + more


def written(ranges: Ranges, negated: bool = False) -> str:
    """A class in Python's syntax."""
    inside = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return f"[{'^' if negated else ''}{inside}]"


def of_letter(letter: str) -> Ranges | None:
    """What `\\d`, `\\w`, `\\s` and their opposites hold."""
    kinds = {"d": ("Nd",), "w": ("L", "M", "Nd", "Pc"), "s": ("Z",)}.get(letter.lower())
    if kinds is None:
        return None
    ranges = [*category(*kinds), *([(9, 13), (0x85, 0x85)] if letter.lower() == "s" else [])]
    return outside(ranges) if letter.isupper() else ranges


class _Translation:
    """One pass over a pattern; `flags` holds those of each open group."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0
        self.out: list[str] = []
        self.flags: list[frozenset[str]] = [frozenset()]

    def text(self) -> str:
        while self.at < len(self.pattern):
            self._next()
        return "".join(self.out)

    def _next(self) -> None:
        letter = self.pattern[self.at]
        quantifier = QUANTIFIER.match(self.pattern, self.at)
        if quantifier:
            lazy = bool(quantifier.group(2)) != ("U" in self.flags[-1])
            self.out.append(quantifier.group(1) + ("?" if lazy else ""))
            self.at = quantifier.end()
        elif letter == "(":
            self._open()
        elif letter == "[":
            self._class()
        elif letter == "\\":
            self._escape()
        else:
            self._plain(letter)
            self.at += 1

    def _open(self) -> None:
        named, flags = NAMED.match(self.pattern, self.at), FLAGS.match(self.pattern, self.at)
        if named:
            self.out.append(f"(?P<{named.group(1)}>")
        elif flags:
            held = self.flags[-1] | set(flags.group(1))
            held -= set(flags.group(2) or "")
            self.at = flags.end()
            if flags.group(3) == ")":
                self.flags[-1] = held
            else:
                self.flags.append(held)
                self.out.append("(?:")
            return
        elif self.pattern.startswith("(?", self.at):
            raise UnwitnessedError(f"{self.pattern[self.at : self.at + 4]} in a pattern")
        else:
            self.out.append("(")
        self.flags.append(self.flags[-1])
        self.at = named.end() if named else self.at + 1

    def _plain(self, letter: str) -> None:
        flags = self.flags[-1]
        if letter == ")":
            self.out.append(")")
            if len(self.flags) > 1:
                self.flags.pop()
        elif letter == ".":
            self.out.append("(?s:.)" if "s" in flags else r"[^\n]")
        elif letter in "^$":
            ends = {"^": r"\A", "$": r"\Z"}
            self.out.append(f"(?m:{letter})" if "m" in flags else ends[letter])
        elif letter == "|":
            self.out.append("|")
        else:
            self._literal(ord(letter))

    def _literal(self, point: int) -> None:
        cases = orbits().get(point) if "i" in self.flags[-1] else None
        self.out.append(written([(one, one) for one in cases]) if cases else re.escape(chr(point)))

    def _escape(self) -> None:
        letter = self.pattern[self.at + 1 : self.at + 2]
        ends = {"A": r"\A", "z": r"\Z", "b": r"(?a:\b)", "B": r"(?a:\B)"}
        if letter in ends:
            self.out.append(ends[letter])
            self.at += 2
        elif letter == "Q":
            end = self.pattern.find("\\E", self.at)
            end = len(self.pattern) if end < 0 else end
            for one in self.pattern[self.at + 2 : end]:
                self._literal(ord(one))
            self.at = end + 2
        else:
            ranges = self._escaped()
            if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
                self._literal(ranges[0][0])
            else:
                self.out.append(written(self._cased(ranges)))

    def _cased(self, ranges: Ranges) -> Ranges:
        return folded(ranges) if "i" in self.flags[-1] else ranges

    def _escaped(self) -> Ranges:
        """The code points of the escape at hand, behind which the place is moved."""
        letter = self.pattern[self.at + 1 : self.at + 2]
        named = re.compile(r"\\([pP])(?:\{(\^?)(\w+)\}|(\w))").match(self.pattern, self.at)
        number = re.compile(
            r"\\x(?:\{([0-9a-fA-F]+)\}|([0-9a-fA-F]{2}))|\\(0[0-7]{0,2}|[1-7][0-7]{2})"
        ).match(self.pattern, self.at)
        if named:
            self.at = named.end()
            kind = named.group(3) or named.group(4)
            if not re.fullmatch("[CLMNPSZ][a-z]?", kind):
                raise UnwitnessedError(f"\\p{{{kind}}}")
            ranges = list(category(kind))
            return outside(ranges) if (named.group(1) == "P") != bool(named.group(2)) else ranges
        if number:
            self.at = number.end()
            octal = number.group(3)
            point = int(octal, 8) if octal else int(number.group(1) or number.group(2), 16)
            return [(point, point)]
        self.at += 2
        known = of_letter(letter)
        if known is not None:
            return known
        if not letter or (letter.isalnum() and letter.isascii() and letter not in CONTROLS):
            raise UnwitnessedError(f"\\{letter} in a pattern")
        point = CONTROLS.get(letter, ord(letter))
        return [(point, point)]

    def _class(self) -> None:
        negated = self.pattern.startswith("[^", self.at)
        self.at += 2 if negated else 1
        ranges: Ranges = []
        first = self.at
        while self.at == first or not self.pattern.startswith("]", self.at):
            if self.at >= len(self.pattern):
                raise UnwitnessedError("a class without an end")
            ranges += self._member()
        self.at += 1
        self.out.append(written(self._cased(ranges), negated))

    def _member(self) -> Ranges:
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(self.pattern, self.at)
        if posix:
            self.at = posix.end()
            inner = _Translation(f"[{POSIX[posix.group(2)].replace('[', chr(92) + '[')}]")
            inner.at = 1
            found: Ranges = []
            while not inner.pattern.startswith("]", inner.at):
                found += inner._member()
            return outside(found) if posix.group(1) else found
        low = self._one()
        if len(low) == 1 and low[0][0] == low[0][1] and re.compile(r"-[^\]]").match(self.pattern, self.at):
            self.at += 1
            return [(low[0][0], self._one()[0][1])]
        return low

    def _one(self) -> Ranges:
        if self.pattern.startswith("\\", self.at):
            return self._escaped()
        point = ord(self.pattern[self.at])
        self.at += 1
        return [(point, point)]
