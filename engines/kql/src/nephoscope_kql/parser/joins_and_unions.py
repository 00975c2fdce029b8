"""Operators over several tables: join, lookup, union, find, search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_type_name
from nephoscope_kql.parser.expressions import parse_access, parse_expression, parse_predicate
from nephoscope_kql.parser.names import parse_column_pattern, parse_table_pattern
from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import Name, Star, TypedName
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("join")
def parse_join(c: Cursor, start: int) -> tree.Join:
    """`join kind=... (right) on conditions`."""
    options = parse_parameters(c, "kind")
    right = parse_access(c)
    on = _parse_conditions(c)
    return tree.Join(right=right, on=on, parameters=options, span=c.make_span(start))


@register_reader("lookup")
def parse_lookup(c: Cursor, start: int) -> tree.Lookup:
    """`lookup kind=... (right) on conditions`."""
    options = parse_parameters(c, "kind")
    right = parse_access(c)
    on = _parse_conditions(c)
    return tree.Lookup(right=right, on=on, parameters=options, span=c.make_span(start))


def _parse_conditions(c: Cursor) -> tuple[Expression, ...]:
    if c.accept("where"):
        return (parse_predicate(c),)
    if not c.accept("on"):
        return ()
    found = [parse_predicate(c)]
    while c.accept(","):
        found.append(parse_predicate(c))
    return tuple(found)


@register_reader("union")
def parse_union(c: Cursor, start: int) -> tree.Union:
    """`union parameters a, (b | ...), c*`."""
    options = parse_parameters(c, "kind withsource with_source isfuzzy")
    items = [parse_table_pattern(c)]
    while c.accept(","):
        items.append(parse_table_pattern(c))
    return tree.Union(items=tuple(items), parameters=options, span=c.make_span(start))


def _parse_tables(c: Cursor) -> tuple[Expression, ...]:
    if not c.accept("in"):
        return ()
    found: list[Expression] = []
    c.expect("(")
    c.read_separated_items(lambda c: found.append(parse_table_pattern(c)), ")")
    return tuple(found)


@register_reader("search")
def parse_search(c: Cursor, start: int) -> tree.Search:
    """`search kind=... in (tables) predicate`."""
    options = parse_parameters(c, "kind withsource with_source")
    tables = _parse_tables(c)
    token = c.token
    if token.text == "*" and (c.peek().kind == "end" or c.peek().text in ("|", ")", ";", "and", "or")):
        c.read_token()
        condition: Expression = Star(span=token.span)
    else:
        condition = parse_predicate(c)
    return tree.Search(predicate=condition, tables=tables, parameters=options, span=c.make_span(start))


@register_reader("find")
def parse_find(c: Cursor, start: int) -> tree.Find:
    """`find withsource=... in (tables) where predicate project columns`."""
    options = parse_parameters(c, "withsource with_source datascope")
    tables = _parse_tables(c)
    c.accept("where")
    condition = parse_expression(c)
    smart = c.accept("project-smart")
    columns = _parse_found_columns(c) if c.accept("project") else None
    return tree.Find(
        predicate=condition,
        tables=tables,
        columns=columns,
        away=_parse_found_columns(c) if c.accept("project-away") else (),
        parameters=options,
        smart=smart,
        span=c.make_span(start),
    )


def _parse_found_columns(c: Cursor) -> tuple[Expression, ...]:
    found = [_parse_found_column(c)]
    while c.accept(","):
        found.append(_parse_found_column(c))
    return tuple(found)


def _parse_found_column(c: Cursor) -> Expression:
    if c.peek().text == "(":
        return parse_access(c)
    start = c.token.start
    item = parse_column_pattern(c)
    if not isinstance(item, Name) or not c.accept(":"):
        return item
    return TypedName(name=item.name, type=parse_type_name(c), span=c.make_span(start))
