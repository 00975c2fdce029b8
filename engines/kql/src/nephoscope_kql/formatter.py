"""The layout of a query: blanks, lines and indents are set anew; words, literals and comments stay as they are."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nephoscope_kql.parser import parse
from nephoscope_kql.parser.expressions import PRECEDENCE
from nephoscope_kql.parser.lexer import Token, split_words
from nephoscope_kql.tree import Binary, OperatorParameter, walk_nodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nephoscope_kql.tree import Query

INDENT = "    "

_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_OPERAND_WORDS = frozenset(PRECEDENCE) | frozenset(
    [
        "where",
        "filter",
        "extend",
        "project",
        "summarize",
        "by",
        "on",
        "with",
        "of",
        "from",
        "to",
        "step",
        "print",
        "take",
        "limit",
        "top",
    ]
)


def format_query(text: str) -> str:
    """The query laid out: a pipe a line, a statement a line, brackets indented, comments kept.

    The result parses to the same tree and is formatted already; raises KqlError where the query does not parse.
    """
    tree = parse(text)
    found = split_words(text)
    tokens = sorted([*found.tokens[:-1], *found.comments], key=lambda token: token.start)
    return _Layout(text, tokens, _Roles(tree, tokens)).text()


class _Roles:
    """What the tree says about marks that look alike: the = of a parameter, the * between two factors."""

    def __init__(self, tree: Query, tokens: Sequence[Token]) -> None:
        self._starts = [token.start for token in tokens]
        self._tokens = tokens
        self.parameter_equals: set[int] = set()
        self.products: set[int] = set()
        for node in walk_nodes(tree):
            if isinstance(node, OperatorParameter):
                self.parameter_equals.add(self._find_first_mark("=", node.span.start))
            elif isinstance(node, Binary) and node.operator == "*":
                self.products.add(self._find_first_mark("*", node.left.span.end))

    def _find_first_mark(self, text: str, start: int) -> int:
        """The offset of the first such mark at or behind an offset; there is one."""
        place = bisect_left(self._starts, start)
        while self._tokens[place].text != text:
            place += 1
        return self._starts[place]


@dataclass
class _Bracket:
    """An open bracket: the line it is on, whether it ends that line, and its text."""

    line: int
    text: str
    hanging: bool = False


@dataclass
class _Layout:
    source: str
    tokens: Sequence[Token]
    roles: _Roles
    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    open: list[_Bracket] = field(default_factory=list)
    fresh: bool = True

    def text(self) -> str:
        previous: Token | None = None
        before: Token | None = None
        for token in self.tokens:
            if previous is not None:
                self._separate_tokens(before, previous, token)
            self._put_token(token, previous)
            before, previous = previous, token
        self._end_line()
        return "\n".join(self.lines) + "\n"

    def _separate_tokens(self, before: Token | None, previous: Token, token: Token) -> None:
        breaks = self.source.count("\n", previous.end, token.start)
        if self._is_line_break_required(previous, token) or breaks:
            self._end_line()
            if breaks > 1 and self.lines and self.lines[-1]:
                self.lines.append("")
        elif self.line and self._is_space_between(before, previous, token):
            self.line.append(" ")

    def _is_line_break_required(self, previous: Token, token: Token) -> bool:
        if previous.kind == "comment":
            return True
        if token.kind == "comment":
            return False
        if previous.text in (";", "{") or (token.text == "}" and previous.text != "{"):
            return self._is_in_statements()
        return token.text == "|" and self._is_in_statements()

    def _is_in_statements(self) -> bool:
        return all(bracket.text == "{" for bracket in self.open)

    def _put_token(self, token: Token, previous: Token | None) -> None:
        closing = token.kind == "mark" and token.text in _CLOSING
        if closing and self.open:
            self.open.pop()
        if not self.line:
            self.line.append(INDENT * self._compute_level(token, closing=closing))
            self.fresh = previous is None or previous.text in (";", "{")
        self.line.append(token.text.rstrip() if token.kind == "comment" else token.text)
        if token.kind == "mark" and token.text in _OPENING:
            self.open.append(_Bracket(len(self.lines), token.text))
        if token.kind != "comment":
            self.fresh = token.text in (";", "{")

    def _compute_level(self, token: Token, *, closing: bool) -> int:
        level = len({bracket.line for bracket in self.open})
        if closing or token.text == "|" or self.fresh or token.kind == "comment":
            return level
        hanging = self.open[-1].hanging if self.open else False
        return level if hanging else level + 1

    def _end_line(self) -> None:
        if not self.line:
            return
        if self.open and self.open[-1].line == len(self.lines) and self.line[-1] in _OPENING:
            self.open[-1].hanging = True
        self.lines.append("".join(self.line).rstrip())
        self.line = []

    def _is_space_between(self, before: Token | None, previous: Token, token: Token) -> bool:
        """Return whether a blank stands between two words of a line."""
        if token.kind == "comment":
            return True
        if {previous.start, token.start} & self.roles.parameter_equals:
            return False
        if "*" in (previous.text, token.text) and not {previous.start, token.start} & self.roles.products:
            return previous.end != token.start
        return _is_space_between(before, previous, token)


def _is_space_between(before: Token | None, previous: Token, token: Token) -> bool:
    """Return whether a blank stands between two words of a line."""
    if token.kind == "comment":
        return True
    touching = previous.end == token.start
    if token.text in (",", ";", ")", "]", ".") or previous.text in ("(", "[", "."):
        return previous.text == "," and token.text == "."
    if token.text == ":" or previous.text == ":":
        return not touching or previous.text == ":"
    if token.text in ("(", "["):
        return not touching or previous.text in (",", "=") or previous.text in PRECEDENCE
    if previous.text in ("-", "+") and previous.kind == "mark":
        return not _is_sign(before)
    return True


def _is_sign(before: Token | None) -> bool:
    """Return whether a + or - after this word has one operand only."""
    if before is None or before.kind == "comment":
        return True
    if before.kind == "mark":
        return before.text not in _CLOSING
    return before.kind == "name" and before.text in _OPERAND_WORDS
