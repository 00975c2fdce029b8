"""`$filter` of policy states: comparisons of fields with texts, numbers and truths, joined by and, or, not and parentheses.

Source: https://learn.microsoft.com/rest/api/policyinsights/policy-states/list-query-results-for-subscription (the filter parameter)
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire.fault import bad

Test = Callable[[Mapping[str, Any]], bool]
MAX_LENGTH, DEEPEST = 4000, 50
_TOKEN = re.compile(
    r"\s*(?:(?P<sign>[()])|'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+(?:\.\d+)?)(?![\w-])|(?P<word>[A-Za-z_]\w*))"
)
_COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq, "ne": operator.ne, "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
}  # fmt: skip


def matching(text: str) -> Test:
    """The test that a filter makes ('' = everything passes); Fault for one that is not understood, with where it is not."""
    if len(text) > MAX_LENGTH:
        raise bad(f"$filter is longer than {MAX_LENGTH} characters.", "$filter", "InvalidFilter")
    if not text.strip():
        return lambda _: True
    reader = _Reader(text)
    found = reader.either(0)
    if text[reader.at :].strip():
        raise reader.wrong()
    return found


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """The value of a field in any case of its name, '' where the row has none."""
    return next((one for key, one in row.items() if key.lower() == name.lower()), "")


@dataclass
class _Reader:
    """Reads a filter from where it stands; `or` binds less than `and`, and that less than `not`."""

    text: str
    at: int = 0

    def wrong(self) -> Exception:
        """The fault that the filter is not understood here."""
        at = self.at + len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
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
        """A comparison, a negation, or what parentheses hold."""
        if depth > DEEPEST:
            raise self.wrong()
        if self.take("not"):
            inner = self.term(depth + 1)
            return lambda row: not inner(row)
        if self.take("("):
            found = self.either(depth + 1)
            if not self.take(")"):
                raise self.wrong()
            return found
        return self.comparison()

    def comparison(self) -> Test:
        """A field, how it compares, a value."""
        field = _TOKEN.match(self.text, self.at)
        if field is None or field["word"] is None:
            raise self.wrong()
        name, self.at = field["word"], field.end()
        compare = _COMPARED.get(self.take(*_COMPARED))
        found = _TOKEN.match(self.text, self.at)
        if compare is None or found is None or found["sign"] is not None:
            raise self.wrong()
        wanted = self._value(found)
        self.at = found.end()
        return lambda row: _compared(compare, value_of(row, name), wanted)

    def _value(self, found: re.Match[str]) -> Any:
        if found["text"] is not None:
            return found["text"].replace("''", "'")
        if found["number"] is not None:
            return float(found["number"])
        words = {"true": True, "false": False, "null": ""}
        if found["word"].lower() not in words:
            raise self.wrong()
        return words[found["word"].lower()]


def _compared(compare: Callable[[Any, Any], bool], found: Any, wanted: Any) -> bool:
    """Numbers as numbers, all else as text in any case."""
    if isinstance(wanted, float) and isinstance(found, (int, float)) and not isinstance(found, bool):
        return compare(float(found), wanted)
    return compare(str("" if found is None else found).lower(), str(wanted).lower())
