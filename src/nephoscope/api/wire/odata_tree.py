"""`$filter` as a tree: comparisons and calls, joined by and, or, not and parentheses; each list says which of them it takes.

Source: https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html (system query option $filter)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from nephoscope.api.wire.azure_error import ApiError, make_bad_request_error
from nephoscope.api.wire.odata_value import COMPARED, parse_literal

MAX_LENGTH, DEEPEST = 4000, 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<sign>[(),:])|'(?P<text>(?:[^']|'')*)'|"(?P<quoted>[^"]*)"
    |(?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?![\w-])
    |(?P<time>\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?)?)(?![\w.:-])
    |(?P<number>-?\d+(?:\.\d+)?)(?![\w-])|-?(?P<word>[A-Za-z_]\w*(?:[/.][A-Za-z_]\w*)*))""",
    re.VERBOSE,
)
_ANY = re.compile(r"(.+)[/.]any", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class PropertyPath:
    """A property: as it is written, and the character (from 1) at which it stands."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class PropertyComparison:
    """Comparison of a property with a value; `operator` is eq, ne, gt, ge, lt or le, `text` the value as written."""

    path: PropertyPath
    operator: str
    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Membership:
    """A property that is one of several values."""

    path: PropertyPath
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function by its lower-cased name, its arguments (paths and values), and the character at which it stands."""

    name: str
    arguments: tuple[object, ...]
    at: int


@dataclass(frozen=True, slots=True)
class AnyItem:
    """Lambda `any`: at least one item of a list, bound to the name `item`, satisfies the condition."""

    path: PropertyPath
    item: str
    condition: Node


@dataclass(frozen=True, slots=True)
class Negation:
    """Negation of a condition."""

    condition: Node


@dataclass(frozen=True, slots=True)
class Junction:
    """Conditions that must all pass, or one of them (`either`)."""

    conditions: tuple[Node, ...]
    either: bool


Node = PropertyComparison | Membership | FunctionCall | AnyItem | Negation | Junction


def read_tree(text: str, bare: Collection[str] = ()) -> Node | None:
    """Read a filter (None for ''); Fault (InvalidFilter) with the character where it is not understood.

    `bare` are lower-cased properties whose value may stand without quotes, as Azure's own pages write some.
    """
    if len(text) > MAX_LENGTH:
        raise make_bad_request_error(
            f"$filter is longer than {MAX_LENGTH} characters.", "$filter", "InvalidFilter"
        )
    if not text.strip():
        return None
    reader = _FilterParser(text, frozenset(bare))
    found = reader.parse_or(0)
    if text[reader.at :].strip():
        raise reader.describe_syntax_error()
    return found


def split_conjuncts(node: Node | None) -> Iterator[Node]:
    """Give the conditions that must all pass."""
    if isinstance(node, Junction) and not node.either:
        for one in node.conditions:
            yield from split_conjuncts(one)
    elif node is not None:
        yield node


@dataclass
class _FilterParser:
    """Reads a filter from where it stands; `or` binds less than `and`, and that less than `not`."""

    text: str
    bare: frozenset[str]
    at: int = 0

    def describe_syntax_error(self) -> ApiError:
        """The fault that the filter is not understood here."""
        at = self._find_next_offset()
        problem = f"$filter is not understood at character {at + 1}: {self.text[at : at + 40]!r}."
        return make_bad_request_error(problem, "$filter", "InvalidFilter")

    def read_token(self, *wanted: str) -> str:
        """The next word or sign, where it is one of those wanted."""
        found = _TOKEN.match(self.text, self.at)
        word = (found["word"] or found["sign"] or "").lower() if found is not None else ""
        if found is None or word not in wanted:
            return ""
        self.at = found.end()
        return word

    def expect(self, sign: str) -> None:
        """The sign that has to stand here; Fault where it does not."""
        if not self.read_token(sign):
            raise self.describe_syntax_error()

    def parse_or(self, depth: int) -> Node:
        """Terms joined by or."""
        found = [self.parse_and(depth)]
        while self.read_token("or"):
            found.append(self.parse_and(depth))
        return found[0] if len(found) == 1 else Junction(tuple(found), either=True)

    def parse_and(self, depth: int) -> Node:
        """Terms joined by and."""
        found = [self.parse_term(depth)]
        while self.read_token("and"):
            found.append(self.parse_term(depth))
        return found[0] if len(found) == 1 else Junction(tuple(found), either=False)

    def parse_term(self, depth: int) -> Node:
        """A comparison, a function, a negation, or what parentheses hold."""
        if depth > DEEPEST:
            raise self.describe_syntax_error()
        if self.read_token("not"):
            return Negation(self.parse_term(depth + 1))
        if self.read_token("("):
            found = self.parse_or(depth + 1)
            self.expect(")")
            return found
        path = self._parse_path()
        if not self.read_token("("):
            return self._parse_comparison(path)
        if items := _ANY.fullmatch(path.name):
            return self._parse_items(PropertyPath(items[1], path.at), depth)
        return FunctionCall(path.name.lower(), self._parse_arguments(), path.at)

    def _find_next_offset(self) -> int:
        rest = self.text[self.at :]
        return self.at + len(rest) - len(rest.lstrip())

    def _parse_path(self) -> PropertyPath:
        start, found = self._find_next_offset(), _TOKEN.match(self.text, self.at)
        if found is None or found["word"] is None:
            raise self.describe_syntax_error()
        self.at = found.end()
        return PropertyPath(found["word"], start + 1)

    def _parse_arguments(self) -> tuple[object, ...]:
        found: list[object] = []
        if self.read_token(")"):
            return ()
        found.append(self._parse_argument())
        while self.read_token(","):
            found.append(self._parse_argument())
        self.expect(")")
        return tuple(found)

    def _parse_argument(self) -> object:
        at = self.at
        try:
            return self._read_value()
        except ApiError:
            self.at = at
            return self._parse_path()

    def _parse_items(self, path: PropertyPath, depth: int) -> AnyItem:
        """`path/any(x: ...)`; `any(x eq ...)` is taken too, as Azure's own examples write it."""
        start, name = self.at, self._parse_path().name
        if not self.read_token(":"):
            self.at = start
            name = re.split("[/.]", name)[0]
        condition = self.parse_or(depth + 1)
        self.expect(")")
        return AnyItem(path, name, condition)

    def _parse_comparison(self, path: PropertyPath) -> Node:
        """Return how a property compares, and with what."""
        if self.read_token("in"):
            return Membership(path, self._parse_list())
        sign = self.read_token(*COMPARED)
        if not sign:
            raise self.describe_syntax_error()
        start = self._find_next_offset()
        value = self._read_value(bare=path.name.lower() in self.bare)
        return PropertyComparison(path, sign, value, self.text[start : self.at].strip())

    def _parse_list(self) -> tuple[object, ...]:
        self.expect("(")
        found = [self._read_value()]
        while self.read_token(","):
            found.append(self._read_value())
        self.expect(")")
        return tuple(found)

    def _read_value(self, *, bare: bool = False) -> object:
        found = _TOKEN.match(self.text, self.at)
        if found is None or found["sign"] is not None:
            raise self.describe_syntax_error()
        try:
            value = found["word"] if bare and found["word"] else parse_literal(found)
        except ValueError as error:
            raise self.describe_syntax_error() from error
        self.at = found.end()
        return value
