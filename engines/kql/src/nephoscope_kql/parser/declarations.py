"""Columns and parameters with their types: `(name: type, ...)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_signed_literal, type_name
from nephoscope_kql.tree import ColumnDeclaration, LambdaParameter

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor


def column(c: Cursor) -> ColumnDeclaration:
    """`name: type`."""
    start = c.token.start
    name = c.declared_name("the name of a column")
    c.expect(":")
    kind = type_name(c)
    return ColumnDeclaration(name=name.name, type=kind, span=c.since(start))


def columns(c: Cursor) -> tuple[ColumnDeclaration, ...]:
    """`(name: type, ...)`; a comma may stand behind the last."""
    found: list[ColumnDeclaration] = []
    c.expect("(")
    while c.token.text != ")":
        found.append(column(c))
        if not c.accept(","):
            break
    c.expect(")")
    return tuple(found)


def lambda_parameters(c: Cursor) -> tuple[LambdaParameter, ...]:
    """`(a: string, b: long = 1, T: (x: int), U: (*))`."""
    found: list[LambdaParameter] = []
    c.expect("(")
    c.read_separated(lambda c: found.append(_parse_lambda_parameter(c)), ")")
    return tuple(found)


def _parse_lambda_parameter(c: Cursor) -> LambdaParameter:
    start = c.token.start
    name = c.declared_name("the name of a parameter").name
    c.expect(":")
    if c.token.text == "(":
        schema = _row_schema(c)
        return LambdaParameter(name=name, type=None, schema=schema, span=c.since(start))
    kind = type_name(c)
    default = parse_signed_literal(c) if c.accept("=") else None
    return LambdaParameter(name=name, type=kind, default=default, span=c.since(start))


def _row_schema(c: Cursor) -> tuple[ColumnDeclaration, ...]:
    if c.peek().text == "*":
        c.take()
        c.take()
        c.expect(")")
        return ()
    return columns(c)


def evaluate_schema(c: Cursor) -> tuple[tuple[ColumnDeclaration, ...], bool]:
    """`(a: string)` or `(*, a: string)`: the columns, and whether the input's come first."""
    if c.peek().text != "*":
        return columns(c), False
    found: list[ColumnDeclaration] = []
    c.take()
    c.take()
    while c.accept(","):
        found.append(column(c))
    c.expect(")")
    return tuple(found), True
