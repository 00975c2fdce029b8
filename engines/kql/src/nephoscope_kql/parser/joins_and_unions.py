"""Operators over several tables: join, lookup, union, find, search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import type_name
from nephoscope_kql.parser.expressions import access, expression, predicate
from nephoscope_kql.parser.names import column_pattern, table_pattern
from nephoscope_kql.parser.parameters import parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import Name, Star, TypedName
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("join")
def join(c: Cursor, start: int) -> tree.Join:
    """`join kind=... (right) on conditions`."""
    options = parameters(c, "kind")
    right = access(c)
    on = _parse_conditions(c)
    return tree.Join(right=right, on=on, parameters=options, span=c.since(start))


@register_reader("lookup")
def lookup(c: Cursor, start: int) -> tree.Lookup:
    """`lookup kind=... (right) on conditions`."""
    options = parameters(c, "kind")
    right = access(c)
    on = _parse_conditions(c)
    return tree.Lookup(right=right, on=on, parameters=options, span=c.since(start))


def _parse_conditions(c: Cursor) -> tuple[Expression, ...]:
    if c.accept("where"):
        return (predicate(c),)
    if not c.accept("on"):
        return ()
    found = [predicate(c)]
    while c.accept(","):
        found.append(predicate(c))
    return tuple(found)


@register_reader("union")
def union(c: Cursor, start: int) -> tree.Union:
    """`union parameters a, (b | ...), c*`."""
    options = parameters(c, "kind withsource with_source isfuzzy")
    items = [table_pattern(c)]
    while c.accept(","):
        items.append(table_pattern(c))
    return tree.Union(items=tuple(items), parameters=options, span=c.since(start))


def _parse_tables(c: Cursor) -> tuple[Expression, ...]:
    if not c.accept("in"):
        return ()
    found: list[Expression] = []
    c.expect("(")
    c.read_separated(lambda c: found.append(table_pattern(c)), ")")
    return tuple(found)


@register_reader("search")
def search(c: Cursor, start: int) -> tree.Search:
    """`search kind=... in (tables) predicate`."""
    options = parameters(c, "kind withsource with_source")
    tables = _parse_tables(c)
    token = c.token
    if token.text == "*" and (c.peek().kind == "end" or c.peek().text in ("|", ")", ";", "and", "or")):
        c.take()
        condition: Expression = Star(span=token.span)
    else:
        condition = predicate(c)
    return tree.Search(predicate=condition, tables=tables, parameters=options, span=c.since(start))


@register_reader("find")
def find(c: Cursor, start: int) -> tree.Find:
    """`find withsource=... in (tables) where predicate project columns`."""
    options = parameters(c, "withsource with_source datascope")
    tables = _parse_tables(c)
    c.accept("where")
    condition = expression(c)
    smart = c.accept("project-smart")
    columns = _parse_found_columns(c) if c.accept("project") else None
    return tree.Find(
        predicate=condition,
        tables=tables,
        columns=columns,
        away=_parse_found_columns(c) if c.accept("project-away") else (),
        parameters=options,
        smart=smart,
        span=c.since(start),
    )


def _parse_found_columns(c: Cursor) -> tuple[Expression, ...]:
    found = [_parse_found_column(c)]
    while c.accept(","):
        found.append(_parse_found_column(c))
    return tuple(found)


def _parse_found_column(c: Cursor) -> Expression:
    if c.peek().text == "(":
        return access(c)
    start = c.token.start
    item = column_pattern(c)
    if not isinstance(item, Name) or not c.accept(":"):
        return item
    return TypedName(name=item.name, type=type_name(c), span=c.since(start))
