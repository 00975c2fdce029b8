"""A whole query: its statements, with semicolons between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nephoscope_kql.errors import KqlError, make_invalid_error
from nephoscope_kql.parser.constants import is_constant, parse_constant, parse_signed_literal
from nephoscope_kql.parser.declarations import parse_lambda_parameters
from nephoscope_kql.parser.expressions import parse_access
from nephoscope_kql.parser.names import parse_table_pattern
from nephoscope_kql.parser.pipes import OPERATORS
from nephoscope_kql.tree import (
    AliasStatement,
    EntityGroup,
    Evaluation,
    Lambda,
    Let,
    Name,
    Pattern,
    PatternCase,
    Query,
    QueryParameters,
    Restrict,
    Set,
)

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, LambdaParameter, Literal, Statement


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
    return Query(statements=tuple(found), span=c.make_span(start))


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
    value = c.parse_rows()
    return Evaluation(value=value, span=value.span)


def _parse_let(c: Cursor) -> Let:
    start = c.read_token().start
    name = c.read_name("the name that let gives").name
    c.expect("=")
    return Let(name=name, value=_parse_let_value(c), span=c.make_span(start))


def _parse_let_value(c: Cursor) -> Expression:
    if _is_lambda(c):
        return _parse_lambda(c)
    return parse_entity_group(c) if is_entity_group(c) else c.parse_rows()


def is_entity_group(c: Cursor) -> bool:
    """Return whether `entity_group [` stands here."""
    return c.token.text == "entity_group" and c.peek().text == "["


def parse_entity_group(c: Cursor) -> EntityGroup:
    """`entity_group [entity, ...]`."""
    start = c.read_token().start
    entities: list[Expression] = []
    c.expect("[")
    c.read_separated_items(lambda c: entities.append(parse_access(c)), "]")
    return EntityGroup(entities=tuple(entities), span=c.make_span(start))


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
    found = _parse_body(c, parse_lambda_parameters(c))
    return replace(found, view=view, span=c.make_span(start))


def _parse_body(c: Cursor, parameters: tuple[LambdaParameter, ...]) -> Lambda:
    """`{ statements; expression }` as a function of the parameters."""
    start = c.token.start
    c.expect("{")
    c.descend()
    statements, body = parse_function_body(c, "}")
    c.expect("}")
    c.leave_level()
    return Lambda(parameters=parameters, statements=statements, body=body, span=c.make_span(start))


def parse_function_body(c: Cursor, closing: str) -> tuple[tuple[Statement, ...], Expression | None]:
    """Statements up to `closing` ('' = the end) and the expression that is the function's value, None where there is none."""
    statements: list[Statement] = []
    body: Expression | None = None
    while c.token.kind != "end" and c.token.text != closing:
        if body is not None:
            raise make_invalid_error(
                "a function ends with one expression", c.token.span, "name the others with let"
            )
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
    name = c.read_declared_name("the name of an option").name
    value: Expression | None = None
    if c.accept("="):
        value = (
            parse_signed_literal(c) if is_constant(c.token) or c.token.text in ("-", "+") else _parse_word(c)
        )
    return Set(name=name, value=value, span=c.make_span(start))


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
    return QueryParameters(parameters=parse_lambda_parameters(c), span=c.make_span(start))


def _parse_pattern(c: Cursor, start: int) -> Pattern:
    """`declare pattern name = (a: string)[path: string] { cases }`, or the name alone."""
    name = c.read_name("the name of a pattern").name
    if not c.accept("="):
        return Pattern(name=name, span=c.make_span(start))
    parameters = parse_lambda_parameters(c)
    path = c.token.text == "["
    if path:
        parameters += parse_lambda_parameters(c, "[", "]")
    cases: list[PatternCase] = []
    c.expect("{")
    while c.token.text != "}":
        cases.append(_parse_pattern_case(c, parameters, path=path))
        if not c.accept(";"):
            break
    c.expect("}")
    return Pattern(name=name, path=path, cases=tuple(cases), span=c.make_span(start))


def _parse_pattern_case(c: Cursor, parameters: tuple[LambdaParameter, ...], *, path: bool) -> PatternCase:
    """`("a").["path"] = { body }`."""
    start = c.token.start
    values: list[Literal] = []
    c.expect("(")
    c.read_separated_items(lambda c: values.append(_parse_pattern_value(c)), ")")
    if path:
        c.expect(".")
        c.expect("[")
        values.append(_parse_pattern_value(c))
        c.expect("]")
    if len(values) != len(parameters):
        raise make_invalid_error(
            f"the pattern takes {len(parameters)} values, not {len(values)}", c.make_span(start)
        )
    c.expect("=")
    return PatternCase(values=tuple(values), body=_parse_body(c, parameters), span=c.make_span(start))


def _parse_pattern_value(c: Cursor) -> Literal:
    if not is_constant(c.token):
        raise c.build_expected_error("a constant")
    return parse_constant(c)


def _parse_alias(c: Cursor) -> AliasStatement:
    start = c.read_token().start
    c.expect("database")
    name = c.read_name().name
    c.expect("=")
    return AliasStatement(name=name, value=c.parse_rows(), span=c.make_span(start))


def _parse_restrict(c: Cursor) -> Restrict:
    start = c.read_token().start
    c.expect("access")
    c.expect("to")
    names: list[Expression] = []
    c.expect("(")
    c.read_separated_items(lambda c: names.append(parse_table_pattern(c)), ")")
    return Restrict(names=tuple(names), span=c.make_span(start))
