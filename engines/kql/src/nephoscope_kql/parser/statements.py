"""A whole query: its statements, with semicolons between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.errors import KqlError, invalid
from nephoscope_kql.parser.constants import is_constant, parse_signed_literal
from nephoscope_kql.parser.declarations import parse_lambda_parameters
from nephoscope_kql.parser.names import parse_table_pattern
from nephoscope_kql.parser.pipes import OPERATORS
from nephoscope_kql.tree import (
    AliasStatement,
    Evaluation,
    Lambda,
    Let,
    Name,
    Pattern,
    Query,
    QueryParameters,
    Restrict,
    Set,
)

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, Statement


def parse_query(c: Cursor) -> Query:
    """All statements up to the end; errors are collected in the cursor."""
    found: list[Statement] = []
    start = c.token.start
    while c.token.kind != "end":
        depth = c.depth()
        try:
            found.append(_parse_statement(c))
            if c.token.kind != "end":
                _require_separator(c, follows_let=isinstance(found[-1], Let))
        except KqlError as error:
            c.recover(error, depth, (";",))
            while c.token.kind != "end" and c.read_token().text != ";":
                pass
    return Query(statements=tuple(found), span=c.since(start))


def _require_separator(c: Cursor, follows_let: bool = False) -> None:
    if c.accept(";"):
        return
    word = c.token
    hints = {
        ")": "there is no ( for it",
        "]": "there is no [ for it",
        "}": "there is no { for it",
        "=": "assign with let, extend or project; compare with ==",
    }
    hint = hints.get(word.text, "")
    if word.text in ("print", "range", "datatable", "union", "search", "find") and follows_let:
        hint = "end the let statement with ;"
    elif word.text in OPERATORS:
        hint = f"write | before {word.text}"
    elif word.text in ("let", "set", "declare") or (word.kind == "name" and not hint):
        hint = "end the statement before it with ;"
    raise c.build_expected_error("'|' or ';'", hint)


def _parse_statement(c: Cursor) -> Statement:
    word, following = c.token, c.peek()
    if following.kind == "name" or following.text == "[":
        if word.text == "let":
            return _parse_let(c)
        if word.text == "set":
            return _parse_set(c)
        if word.text == "declare":
            return _parse_declaration(c)
        if word.text == "alias":
            return _parse_alias(c)
        if word.text == "restrict":
            return _parse_restrict(c)
    if word.text == "|":
        raise c.build_expected_error("a table", "a query starts with a table, not with |")
    value = c.rows()
    return Evaluation(value=value, span=value.span)


def _parse_let(c: Cursor) -> Let:
    start = c.read_token().start
    name = c.name("the name that let gives").name
    c.expect("=")
    value = _parse_lambda(c) if _is_lambda(c) else c.rows()
    return Let(name=name, value=value, span=c.since(start))


def _is_lambda(c: Cursor) -> bool:
    """Return whether `(`, `view (` starts a function here: `()` before `{`, or a name before a colon."""
    place = 1 if c.token.text == "view" and c.peek().text == "(" else 0
    if c.peek(place).text != "(":
        return False
    if c.peek(place + 1).text == ")":
        return c.peek(place + 2).text == "{"
    if c.peek(place + 1).text == "[":
        return c.peek(place + 4).text == ":"
    return c.peek(place + 1).kind == "name" and c.peek(place + 2).text == ":"


def _parse_lambda(c: Cursor) -> Lambda:
    start = c.token.start
    view = c.accept("view")
    parameters = parse_lambda_parameters(c)
    c.expect("{")
    c.descend()
    statements, body = parse_function_body(c, "}")
    c.expect("}")
    c.ascend()
    return Lambda(parameters=parameters, statements=statements, body=body, view=view, span=c.since(start))


def parse_function_body(c: Cursor, closing: str) -> tuple[tuple[Statement, ...], Expression | None]:
    """Statements up to `closing` ('' = the end) and the expression that is the function's value, None where there is none."""
    statements: list[Statement] = []
    body: Expression | None = None
    while c.token.kind != "end" and c.token.text != closing:
        if body is not None:
            raise invalid("a function ends with one expression", c.token.span, "name the others with let")
        statement = _parse_statement(c)
        if isinstance(statement, Evaluation):
            body = statement.value
        else:
            statements.append(statement)
        if c.token.kind != "end" and c.token.text != closing:
            _require_separator(c)
    return tuple(statements), body


def _parse_set(c: Cursor) -> Set:
    start = c.read_token().start
    name = c.declared_name("the name of an option").name
    value: Expression | None = None
    if c.accept("="):
        value = (
            parse_signed_literal(c) if is_constant(c.token) or c.token.text in ("-", "+") else _parse_word(c)
        )
    return Set(name=name, value=value, span=c.since(start))


def _parse_word(c: Cursor) -> Name:
    token = c.token
    if token.kind != "name":
        raise c.build_expected_error("a value")
    c.read_token()
    return Name(name=token.text, span=token.span)


def _parse_declaration(c: Cursor) -> Statement:
    start = c.read_token().start
    if c.token.text == "pattern":
        c.read_token()
        return _parse_pattern(c, start)
    c.expect("query_parameters")
    return QueryParameters(parameters=parse_lambda_parameters(c), span=c.since(start))


def _parse_pattern(c: Cursor, start: int) -> Pattern:
    """`declare pattern name = (...) {...}`: its body is passed over, for patterns are refused by name."""
    name = c.name("the name of a pattern").name
    opened = 0
    while c.token.kind != "end" and (opened > 0 or c.token.text != ";"):
        text = c.read_token().text
        opened += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
    return Pattern(name=name, span=c.since(start))


def _parse_alias(c: Cursor) -> AliasStatement:
    start = c.read_token().start
    c.expect("database")
    name = c.name().name
    c.expect("=")
    return AliasStatement(name=name, value=c.rows(), span=c.since(start))


def _parse_restrict(c: Cursor) -> Restrict:
    start = c.read_token().start
    c.expect("access")
    c.expect("to")
    names: list[Expression] = []
    c.expect("(")
    c.read_separated(lambda c: names.append(parse_table_pattern(c)), ")")
    return Restrict(names=tuple(names), span=c.since(start))
