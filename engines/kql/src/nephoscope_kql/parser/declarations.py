"""Columns and parameters with their types: `(name: type, ...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_signed_literal, parse_type_name
from nephoscope_kql.tree import ColumnDeclaration, LambdaParameter

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor


def parse_column(c: Cursor) -> ColumnDeclaration:
    """`name: type`."""
    start = c.token.start
    name = c.read_declared_name("the name of a column")
    c.expect(":")
    kind = parse_type_name(c)
    return ColumnDeclaration(name=name.name, type=kind, span=c.make_span(start))


def parse_columns(c: Cursor) -> tuple[ColumnDeclaration, ...]:
    """`(name: type, ...)`; a comma may stand behind the last."""
    found: list[ColumnDeclaration] = []
    c.expect("(")
    while c.token.text != ")":
        found.append(parse_column(c))
        if not c.accept(","):
            break
    c.expect(")")
    return tuple(found)


def parse_lambda_parameters(c: Cursor, opening: str = "(", closing: str = ")") -> tuple[LambdaParameter, ...]:
    """`(a: string, b: long = 1, T: (x: int), U: (*))`."""
    found: list[LambdaParameter] = []
    c.expect(opening)
    c.read_separated_items(lambda c: found.append(_parse_lambda_parameter(c)), closing)
    return tuple(found)


def _parse_lambda_parameter(c: Cursor) -> LambdaParameter:
    start = c.token.start
    name = c.read_declared_name("the name of a parameter").name
    c.expect(":")
    if c.token.text == "(":
        schema = _parse_row_schema(c)
        return LambdaParameter(name=name, type=None, schema=schema, span=c.make_span(start))
    kind = parse_type_name(c)
    default = parse_signed_literal(c) if c.accept("=") else None
    return LambdaParameter(name=name, type=kind, default=default, span=c.make_span(start))


def _parse_row_schema(c: Cursor) -> tuple[ColumnDeclaration, ...]:
    if c.peek().text == "*":
        c.read_token()
        c.read_token()
        c.expect(")")
        return ()
    return parse_columns(c)


def parse_evaluate_schema(c: Cursor) -> tuple[tuple[ColumnDeclaration, ...], bool]:
    """`(a: string)` or `(*, a: string)`: the columns, and whether the input's come first."""
    if c.peek().text != "*":
        return parse_columns(c), False
    found: list[ColumnDeclaration] = []
    c.read_token()
    c.read_token()
    while c.accept(","):
        found.append(parse_column(c))
    c.expect(")")
    return tuple(found), True
