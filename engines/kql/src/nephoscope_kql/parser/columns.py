"""Operators that choose and make columns: extend, the project family, serialize, print, range."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.expressions import parse_expression, parse_expressions, parse_named_expression
from nephoscope_kql.parser.names import parse_column_pattern, parse_column_patterns
from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import Named, Ordered
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("extend")
def parse_extend(c: Cursor, start: int) -> tree.Extend:
    """`extend name = value, ...`."""
    return tree.Extend(items=_parse_one_or_more(c), span=c.make_span(start))


@register_reader("project")
def parse_project(c: Cursor, start: int) -> tree.Project:
    """`project a, b = value`; without items no column is left."""
    return tree.Project(items=parse_expressions(c), span=c.make_span(start))


@register_reader("project-away")
def parse_project_away(c: Cursor, start: int) -> tree.ProjectAway:
    """`project-away a, b*`."""
    return tree.ProjectAway(items=parse_column_patterns(c), span=c.make_span(start))


@register_reader("project-keep")
def parse_project_keep(c: Cursor, start: int) -> tree.ProjectKeep:
    """`project-keep a, b*`."""
    return tree.ProjectKeep(items=parse_column_patterns(c), span=c.make_span(start))


@register_reader("project-rename")
def parse_project_rename(c: Cursor, start: int) -> tree.ProjectRename:
    """`project-rename new = old, ...`."""
    items = [_parse_rename(c)]
    while c.accept(","):
        items.append(_parse_rename(c))
    return tree.ProjectRename(items=tuple(items), span=c.make_span(start))


def _parse_rename(c: Cursor) -> Named:
    start = c.token.start
    new = c.read_declared_name("the new name of a column")
    c.expect("=")
    return Named(names=(new,), value=c.read_name("the name of a column"), span=c.make_span(start))


@register_reader("project-reorder")
def parse_project_reorder(c: Cursor, start: int) -> tree.ProjectReorder:
    """`project-reorder a, b* asc`."""
    items = [_parse_reorder(c)]
    while c.accept(","):
        items.append(_parse_reorder(c))
    return tree.ProjectReorder(items=tuple(items), span=c.make_span(start))


def _parse_reorder(c: Cursor) -> Expression:
    start = c.token.start
    item = parse_column_pattern(c)
    if c.token.text not in ("asc", "desc", "granny-asc", "granny-desc"):
        return item
    word = c.read_token().text
    return Ordered(
        value=item, ascending=word.endswith("asc"), granny=word.startswith("granny"), span=c.make_span(start)
    )


@register_reader("project-by-names")
def parse_project_by_names(c: Cursor, start: int) -> tree.ProjectByNames:
    """`project-by-names expression, ...`."""
    return tree.ProjectByNames(items=_parse_one_or_more(c), span=c.make_span(start))


@register_reader("serialize")
def parse_serialize(c: Cursor, start: int) -> tree.Serialize:
    """`serialize name = value, ...`; without items the rows' order is kept as it is."""
    parse_parameters(c)
    return tree.Serialize(items=parse_expressions(c), span=c.make_span(start))


@register_reader("print")
def parse_print_values(c: Cursor, start: int) -> tree.Print:
    """`print name = value, ...`."""
    return tree.Print(items=_parse_one_or_more(c), span=c.make_span(start))


@register_reader("range")
def parse_range_rows(c: Cursor, start: int) -> tree.Range:
    """`range name from low to high step step`."""
    name = c.read_name("the name of a column").name
    c.expect("from")
    low = parse_expression(c)
    c.expect("to")
    high = parse_expression(c)
    c.expect("step")
    step = parse_expression(c)
    return tree.Range(name=name, low=low, high=high, step=step, span=c.make_span(start))


def _parse_one_or_more(c: Cursor) -> tuple[Expression, ...]:
    items = [parse_named_expression(c)]
    while c.accept(","):
        items.append(parse_named_expression(c))
    return tuple(items)
