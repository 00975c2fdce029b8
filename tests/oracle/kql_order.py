"""Whether the rows of a query have an order, read from its text with no parser of ours: its last pipes, and what follows a sort."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

KEEPS = {
    "where",
    "filter",
    "extend",
    "project",
    "project-away",
    "project-keep",
    "project-rename",
    "project-reorder",
    "take",
    "limit",
    "serialize",
}
TOKEN = re.compile(
    r"""(?P<gap>\s+|//[^\n]*)|(?P<text>[hH]?(?:@"(?:[^"]|"")*"|@'(?:[^']|'')*'|```.*?```|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'))
      |(?P<word>[A-Za-z_$][\w$]*(?:-[A-Za-z]+)*)|(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)
PAIRS = {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}


@dataclass(frozen=True)
class Order:
    """The places of the sort keys among the columns, and whether they are all there (else ties cannot be told)."""

    keys: tuple[int, ...]
    exact_ties: bool


def tokens(query: str) -> Iterator[str]:
    """Words, texts and marks; comments and space are left out."""
    for found in TOKEN.finditer(query):
        if found.lastgroup != "gap":
            yield found.group()


def split(parts: Sequence[str], mark: str) -> list[list[str]]:
    """Parts between marks that stand outside every bracket."""
    found: list[list[str]] = [[]]
    depth = 0
    for part in parts:
        depth += PAIRS.get(part, 0)
        if part == mark and depth == 0:
            found.append([])
        else:
            found[-1].append(part)
    return found


def pipeline(query: str) -> list[list[str]]:
    """The pipe segments of the last tabular statement, with the let statement it starts from put in front."""
    statements = [part for part in split(list(tokens(query)), ";") if part]
    bound: dict[str, list[list[str]]] = {}
    last: list[list[str]] = []
    for statement in statements:
        if statement[0] == "let" and len(statement) > 3 and statement[2] == "=":
            bound[statement[1]] = _from(split(statement[3:], "|"), bound)
        elif statement[0] not in ("set", "declare", "alias"):
            last = _from(split(statement, "|"), bound)
    return last


def _from(segments: list[list[str]], bound: dict[str, list[list[str]]]) -> list[list[str]]:
    first = segments[0]
    while len(first) > 2 and first[0] == "(" and _closes(first):
        inner = split(first[1:-1], "|")
        segments = [*inner, *segments[1:]]
        first = segments[0]
    if len(first) == 1 and first[0] in bound:
        return [*bound[first[0]], *segments[1:]]
    return segments


def _closes(parts: Sequence[str]) -> bool:
    """Whether the first bracket is closed by the last part."""
    depth = 0
    for place, part in enumerate(parts):
        depth += PAIRS.get(part, 0)
        if depth == 0:
            return place == len(parts) - 1
    return False


def order_of(query: str, columns: Sequence[str]) -> Order | None:
    """The order that a query makes over its result columns; None where its rows are a multiset."""
    segments = pipeline(query)
    for place in range(len(segments) - 1, 0, -1):
        name = segments[place][0] if segments[place] else ""
        if name in ("sort", "order", "top"):
            return _keys(segments[place], segments[place + 1 :], columns)
        if name not in KEEPS:
            return None
    return None


def _keys(segment: list[str], later: list[list[str]], columns: Sequence[str]) -> Order:
    by = segment.index("by") if "by" in segment else 0
    keys = []
    every = True
    for part in split(segment[by + 1 :], ","):
        words = [word for word in part if word not in ("asc", "desc", "nulls", "first", "last")]
        if len(words) != 1 or words[0] not in columns or _assigned(words[0], later):
            every = False
            continue
        keys.append(columns.index(words[0]))
    return Order(tuple(keys), every)


def _assigned(name: str, later: list[list[str]]) -> bool:
    return any(
        one == name and other == "=" for segment in later for one, other in itertools.pairwise(segment)
    )
