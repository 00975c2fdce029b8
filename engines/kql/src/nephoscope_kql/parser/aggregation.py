"""Operators that make one row of many: summarize, make-series, top-nested, top-hitters, reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.expressions import access, expression, expressions, parse_named_expression
from nephoscope_kql.parser.filtering import direction
from nephoscope_kql.parser.parameters import parameters, property_list
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression

_BY = frozenset(("by",))


@register_reader("summarize")
def summarize(c: Cursor, start: int) -> tree.Summarize:
    """`summarize aggregates by groups`."""
    options = parameters(c)
    aggregates = expressions(c, _BY)
    groups = _parse_groups(c)
    return tree.Summarize(aggregates=aggregates, groups=groups, parameters=options, span=c.since(start))


def _parse_groups(c: Cursor) -> tuple[Expression, ...]:
    if not c.accept("by"):
        return ()
    items = [parse_named_expression(c)]
    while c.accept(","):
        items.append(parse_named_expression(c))
    return tuple(items)


@register_reader("make-series")
def make_series(c: Cursor, start: int) -> tree.MakeSeries:
    """`make-series items on axis from low to high step step by groups`."""
    options = parameters(c, "kind")
    items = [_parse_series_item(c)]
    while c.accept(","):
        items.append(_parse_series_item(c))
    c.expect("on")
    axis = parse_named_expression(c) if c.is_declaration() else access(c)
    in_range = c.token.text == "in"
    low, high, step = _parse_old_bounds(c) if in_range else _parse_bounds(c)
    groups = _parse_groups(c)
    return tree.MakeSeries(
        items=tuple(items),
        axis=axis,
        step=step,
        low=low,
        high=high,
        groups=groups,
        parameters=options,
        in_range=in_range,
        span=c.since(start),
    )


def _parse_series_item(c: Cursor) -> tree.SeriesItem:
    start = c.token.start
    value = parse_named_expression(c)
    default = None
    if c.accept("default"):
        c.expect("=")
        default = expression(c)
    return tree.SeriesItem(value=value, default=default, span=c.since(start))


def _parse_bounds(c: Cursor) -> tuple[Expression | None, Expression | None, Expression]:
    low = expression(c) if c.accept("from") else None
    high = expression(c) if c.accept("to") else None
    c.expect("step")
    return low, high, expression(c)


def _parse_old_bounds(c: Cursor) -> tuple[Expression, Expression, Expression]:
    c.take()
    c.expect("range")
    c.expect("(")
    low = expression(c)
    c.expect(",")
    high = expression(c)
    c.expect(",")
    step = expression(c)
    c.expect(")")
    return low, high, step


@register_reader("top-nested")
def top_nested(c: Cursor, start: int) -> tree.TopNested:
    """`top-nested n of value by aggregate, top-nested ...`."""
    clauses = [_parse_nested_clause(c, start)]
    while c.accept(","):
        begun = c.expect("top-nested").start
        clauses.append(_parse_nested_clause(c, begun))
    return tree.TopNested(clauses=tuple(clauses), span=c.since(start))


def _parse_nested_clause(c: Cursor, start: int) -> tree.NestedClause:
    count = None if c.token.text == "of" else expression(c)
    c.expect("of")
    value = parse_named_expression(c)
    others = None
    if c.accept("with"):
        c.expect("others")
        c.expect("=")
        others = expression(c)
    c.expect("by")
    by = parse_named_expression(c)
    ascending = direction(c)
    return tree.NestedClause(
        count=count, value=value, others=others, by=by, ascending=ascending, span=c.since(start)
    )


@register_reader("top-hitters")
def top_hitters(c: Cursor, start: int) -> tree.TopHitters:
    """`top-hitters n of value by weight`."""
    count = expression(c)
    c.expect("of")
    value = parse_named_expression(c)
    by = parse_named_expression(c) if c.accept("by") else None
    return tree.TopHitters(count=count, value=value, by=by, span=c.since(start))


@register_reader("reduce")
def reduce_rows(c: Cursor, start: int) -> tree.Reduce:
    """`reduce by value with threshold=..., characters=...`."""
    options = parameters(c, "kind")
    c.expect("by")
    value = access(c)
    if c.accept("with"):
        options += property_list(c, "")
    return tree.Reduce(value=value, parameters=options, span=c.since(start))
