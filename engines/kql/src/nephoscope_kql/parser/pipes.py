"""Pipes: a source, and the operators after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.errors import KqlError, make_unsupported_query_error
from nephoscope_kql.parser.expressions import PRECEDENCE, parse_expression
from nephoscope_kql.tree import Pipe

if TYPE_CHECKING:
    from collections.abc import Callable

    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, Operator

    Reader = Callable[[Cursor, int], Operator]

OPERATORS: dict[str, Reader] = {}
"""Every operator by its word; a reader starts behind the word and is given the word's offset."""

SOURCES: dict[str, Callable[[Cursor], Expression]] = {}
"""Words that start an expression which is a table: datatable, externaldata."""

_ENDS = frozenset(("|", ";", ")", "]", "}", ","))
_ALWAYS_FIRST = frozenset(("print", "union", "find", "search", "macro-expand"))
REFUSED = frozenset(
    [
        "project-smart",
        "materialized-view-combine",
    ]
)
"""Operators of the language that nephoscope refuses by name."""


def register_reader(*words: str) -> Callable[[Reader], Reader]:
    """Register the reader of an operator under its words."""

    def register(reader: Reader) -> Reader:
        OPERATORS.update(dict.fromkeys(words, reader))
        return reader

    return register


def parse_rows(c: Cursor) -> Expression:
    """An expression, tabular or not; a Pipe where an operator follows or makes the rows."""
    start = c.token.start
    if c.token.text in SOURCES:
        source = SOURCES[c.token.text](c)
    elif _starts_with_operator(c):
        return _parse_pipe(c, None, start, [_parse_operator(c)])
    else:
        source = parse_expression(c)
    return _parse_pipe(c, source, start, []) if c.token.text == "|" else source


def _starts_with_operator(c: Cursor) -> bool:
    word, following = c.token, c.peek()
    if word.kind != "name":
        return False
    if word.text in _ALWAYS_FIRST:
        return True
    return (
        word.text in ("range", "evaluate")
        and following.kind == "name"
        and following.text not in ("and", "or")
    )


def parse_body(c: Cursor) -> Pipe:
    """Operators without a source, as in `fork (take 1 | where x)`."""
    start = c.token.start
    return _parse_pipe(c, None, start, [_parse_operator(c)])


def _parse_pipe(c: Cursor, source: Expression | None, start: int, operators: list[Operator]) -> Pipe:
    while c.token.kind != "end" and (c.token.text == "|" or c.token.text not in _ENDS):
        depth = c.depth()
        try:
            if not c.accept("|"):
                raise c.build_expected_error("'|' or ';'", known=PRECEDENCE)
            operators.append(_parse_operator(c))
        except KqlError as error:
            c.recover(error, depth, ("|", ";"))
    return Pipe(source=source, operators=tuple(operators), span=c.make_span(start))


def _parse_operator(c: Cursor) -> Operator:
    word = c.token
    reader = OPERATORS.get(word.text)
    if reader is not None:
        c.read_token()
        outer, c.height = c.height, 0
        operator = reader(c, word.start)
        c.increase_height(outer)
        return operator
    if word.text in REFUSED:
        raise make_unsupported_query_error(f"the operator {word.text}", word.span)
    hint = "" if word.kind == "name" else "an operator such as where, extend, summarize follows a |"
    raise c.build_expected_error("an operator", hint, OPERATORS)
