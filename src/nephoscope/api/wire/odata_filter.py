"""`$filter`: comparisons and functions of properties, joined by and, or, not and parentheses.

Source: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (system query option $filter)
Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (the filter parameter)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nephoscope.api.wire.fault import Fault, bad
from nephoscope.api.wire.odata_value import COMPARED, FUNCTIONS, at_path, compared, literal

Test = Callable[[Mapping[str, Any]], bool]
MAX_LENGTH, DEEPEST = 4000, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>[(),:])|'(?P<text>(?:[^']|'')*)'|"(?P<quoted>[^"]*)"
    |(?P<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)(?![\w.:-])
    |(?P<number>-?\d+(?:\.\d+)?)(?![\w-])|(?P<word>[A-Za-z_]\w*(?:[/.][A-Za-z_]\w*)*))""",
    re.VERBOSE,
)
_ANY = re.compile(r"(.+)[/.]any", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a filter picks, and the paths of the properties that it names -> at which character each stands first."""

    test: Test
    names: Mapping[str, int]


def matching(text: str) -> Test:
    """The test that a filter makes ('' = everything passes); Fault for one that is not understood, with where it is not."""
    return read(text).test


def read(text: str) -> Filter:
    """A filter with the names in it; Fault for one that is not understood, with where it is not."""
    if len(text) > MAX_LENGTH:
        raise bad(f"$filter is longer than {MAX_LENGTH} characters.", "$filter", "InvalidFilter")
    if not text.strip():
        return Filter(lambda _: True, {})
    reader = _Reader(text)
    found = reader.either(0)
    if text[reader.at :].strip():
        raise reader.wrong()
    return Filter(found, reader.names)


def _any_of(row: Mapping[str, Any], path: str, name: str, test: Test) -> bool:
    """Whether an item of a list passes a test that calls it by a name."""
    several = at_path(row, path)
    return isinstance(several, list) and any(test({**row, name: one}) for one in several)


@dataclass
class _Reader:
    """Reads a filter from where it stands; `or` binds less than `and`, and that less than `not`."""

    text: str
    at: int = 0
    names: dict[str, int] = field(default_factory=dict)
    items: list[str] = field(default_factory=list)

    def wrong(self) -> Fault:
        """The fault that the filter is not understood here."""
        at = self._next_at()
        told = f"$filter is not understood at character {at + 1}: {self.text[at : at + 40]!r}."
        return bad(told, "$filter", "InvalidFilter")

    def take(self, *wanted: str) -> str:
        """The next word or sign, where it is one of those wanted."""
        found = _TOKEN.match(self.text, self.at)
        word = (found["word"] or found["sign"] or "").lower() if found is not None else ""
        if found is None or word not in wanted:
            return ""
        self.at = found.end()
        return word

    def need(self, sign: str) -> None:
        """The sign that has to stand here; Fault where it does not."""
        if not self.take(sign):
            raise self.wrong()

    def either(self, depth: int) -> Test:
        """Terms joined by or."""
        found = [self.both(depth)]
        while self.take("or"):
            found.append(self.both(depth))
        return found[0] if len(found) == 1 else lambda row: any(one(row) for one in found)

    def both(self, depth: int) -> Test:
        """Terms joined by and."""
        found = [self.term(depth)]
        while self.take("and"):
            found.append(self.term(depth))
        return found[0] if len(found) == 1 else lambda row: all(one(row) for one in found)

    def term(self, depth: int) -> Test:
        """A comparison, a function, a negation, or what parentheses hold."""
        if depth > DEEPEST:
            raise self.wrong()
        if self.take("not"):
            inner = self.term(depth + 1)
            return lambda row: not inner(row)
        if self.take("("):
            found = self.either(depth + 1)
            self.need(")")
            return found
        start, word = self._next_at(), self._word()
        if not self.take("("):
            self._named(word, start)
            return self._comparison(word)
        if items := _ANY.fullmatch(word):
            self._named(items[1], start)
            return self._items(items[1], depth)
        return self._function(word, start)

    def _next_at(self) -> int:
        rest = self.text[self.at :]
        return self.at + len(rest) - len(rest.lstrip())

    def _word(self) -> str:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found["word"] is None:
            raise self.wrong()
        self.at = found.end()
        return found["word"]

    def _named(self, word: str, start: int) -> None:
        if re.split("[/.]", word)[0].lower() not in self.items:
            self.names.setdefault(word, start + 1)

    def _function(self, word: str, start: int) -> Test:
        """`contains(path, 'text')` and its like; `substringof('text', path)` is the older form of it."""
        if word.lower() == "substringof":
            return self._older()
        test = FUNCTIONS.get(word.lower())
        if test is None:
            self.at = start
            raise self.wrong()
        start, path = self._next_at(), self._word()
        self._named(path, start)
        self.need(",")
        wanted = self._value()
        self.need(")")
        return lambda row: test(at_path(row, path), wanted)

    def _older(self) -> Test:
        wanted = self._value()
        self.need(",")
        start, path = self._next_at(), self._word()
        self._named(path, start)
        self.need(")")
        return lambda row: FUNCTIONS["contains"](at_path(row, path), wanted)

    def _items(self, path: str, depth: int) -> Test:
        """`path/any(x: ...)`; `any(x eq ...)` is taken too, as Azure's own examples write it."""
        start, name = self.at, self._word()
        if not self.take(":"):
            self.at = start
            name = re.split("[/.]", name)[0]
        self.items.append(name.lower())
        test = self.either(depth + 1)
        self.items.pop()
        self.need(")")
        return lambda row: _any_of(row, path, name, test)

    def _comparison(self, path: str) -> Test:
        """How a property compares, and with what."""
        if self.take("in"):
            several = self._several()
            return lambda row: any(compared("eq", at_path(row, path), one) for one in several)
        sign = self.take(*COMPARED)
        if not sign:
            raise self.wrong()
        wanted = self._value()
        return lambda row: compared(sign, at_path(row, path), wanted)

    def _several(self) -> list[Any]:
        self.need("(")
        found = [self._value()]
        while self.take(","):
            found.append(self._value())
        self.need(")")
        return found

    def _value(self) -> Any:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found["sign"] is not None:
            raise self.wrong()
        try:
            value = literal(found)
        except ValueError as error:
            raise self.wrong() from error
        self.at = found.end()
        return value
