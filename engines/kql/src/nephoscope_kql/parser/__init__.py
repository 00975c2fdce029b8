"""From text to tree."""

from __future__ import annotations

from nephoscope_kql.errors import MAX_ERRORS, KqlError, Span, make_invalid_error, raise_first_error
from nephoscope_kql.parser import (
    aggregation,
    branching,
    columns,
    entity_groups,
    expansion,
    filtering,
    graphs,
    joins_and_unions,
    result_operators,
    sources,
)
from nephoscope_kql.parser.cursor import Cursor
from nephoscope_kql.parser.declarations import parse_lambda_parameters
from nephoscope_kql.parser.lexer import split_words
from nephoscope_kql.parser.pipes import OPERATORS, parse_rows
from nephoscope_kql.parser.statements import parse_function_body, parse_query
from nephoscope_kql.tree import Lambda, LambdaParameter, Query

MAX_LENGTH = 1_000_000
"""Characters that a query may have."""

FAMILIES = (
    aggregation,
    branching,
    columns,
    entity_groups,
    joins_and_unions,
    expansion,
    filtering,
    graphs,
    result_operators,
    sources,
)
"""The modules that hold the readers of operators."""

__all__ = ["FAMILIES", "MAX_LENGTH", "OPERATORS", "parse", "parse_function", "parse_parameters"]


def parse(text: str) -> Query:
    """The tree of a query; raises KqlError, with line, column and the further errors of the query attached."""
    cursor = _parse_cursor(text)
    tree = parse_query(cursor)
    if not tree.statements and not cursor.errors:
        cursor.errors.append(make_invalid_error("the query is empty", Span(0, 0)))
    raise_first_error(cursor.errors[:MAX_ERRORS], text)
    return tree


def parse_parameters(text: str) -> tuple[LambdaParameter, ...]:
    """Parameters of a stored function, as `a: string, T: (x: long)`, with or without parentheses; raises KqlError."""
    stripped = text.strip()
    if not stripped:
        return ()
    inside = stripped if stripped.startswith("(") and stripped.endswith(")") else f"({stripped})"
    cursor = _parse_cursor(inside)
    try:
        found = parse_lambda_parameters(cursor)
        if cursor.token.kind != "end":
            raise cursor.build_expected_error("the end of the parameters")
    except KqlError as error:
        cursor.errors.append(error)
        found = ()
    raise_first_error(cursor.errors[:MAX_ERRORS], inside)
    return found


def parse_function(parameters: str, body: str) -> Lambda:
    """A stored function as a Lambda: its body with or without braces; raises KqlError located in the body or the parameters."""
    declared = parse_parameters(parameters)
    cursor = _parse_cursor(body)
    try:
        braced = cursor.accept("{")
        statements, value = parse_function_body(cursor, "}" if braced else "")
        if braced:
            cursor.expect("}")
        if cursor.token.kind != "end":
            raise cursor.build_expected_error("the end of the function")
    except KqlError as error:
        cursor.errors.append(error)
        statements, value = (), None
    raise_first_error(cursor.errors[:MAX_ERRORS], body)
    return Lambda(parameters=declared, statements=statements, body=value, span=cursor.make_span(0))


def _parse_cursor(text: str) -> Cursor:
    if len(text) > MAX_LENGTH:
        message = f"the query has more than {MAX_LENGTH:,} characters"
        raise make_invalid_error(message, Span(MAX_LENGTH, MAX_LENGTH)).locate(text)
    tokens, _, errors = split_words(text)
    return Cursor(tokens, errors, parse_rows)
