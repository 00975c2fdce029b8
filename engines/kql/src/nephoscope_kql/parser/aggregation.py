"""Operators that make one row of many: summarize, make-series, top-nested, top-hitters, reduce."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.expressions import (
    parse_access,
    parse_expression,
    parse_expressions,
    parse_named_expression,
)
from nephoscope_kql.parser.filtering import parse_direction
from nephoscope_kql.parser.parameters import parse_parameters, parse_property_list
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression

_BY = frozenset(("by",))


@register_reader("summarize")
def parse_summarize(c: Cursor, start: int) -> tree.Summarize:
    """`summarize aggregates by groups`."""
    options = parse_parameters(c)
    aggregates = parse_expressions(c, _BY)
    groups = _parse_groups(c)
    return tree.Summarize(aggregates=aggregates, groups=groups, parameters=options, span=c.make_span(start))


def _parse_groups(c: Cursor) -> tuple[Expression, ...]:
    if not c.accept("by"):
        return ()
    items = [parse_named_expression(c)]
    while c.accept(","):
        items.append(parse_named_expression(c))
    return tuple(items)


@register_reader("make-series")
def parse_make_series(c: Cursor, start: int) -> tree.MakeSeries:
    """`make-series items on axis from low to high step step by groups`."""
    options = parse_parameters(c, "kind")
    items = [_parse_series_item(c)]
    while c.accept(","):
        items.append(_parse_series_item(c))
    c.expect("on")
    axis = parse_named_expression(c) if c.is_declaration() else parse_access(c)
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
        span=c.make_span(start),
    )


def _parse_series_item(c: Cursor) -> tree.SeriesItem:
    start = c.token.start
    value = parse_named_expression(c)
    default = None
    if c.accept("default"):
        c.expect("=")
        default = parse_expression(c)
    return tree.SeriesItem(value=value, default=default, span=c.make_span(start))


def _parse_bounds(c: Cursor) -> tuple[Expression | None, Expression | None, Expression]:
    low = parse_expression(c) if c.accept("from") else None
    high = parse_expression(c) if c.accept("to") else None
    c.expect("step")
    return low, high, parse_expression(c)


def _parse_old_bounds(c: Cursor) -> tuple[Expression, Expression, Expression]:
    c.read_token()
    c.expect("range")
    c.expect("(")
    low = parse_expression(c)
    c.expect(",")
    high = parse_expression(c)
    c.expect(",")
    step = parse_expression(c)
    c.expect(")")
    return low, high, step


@register_reader("top-nested")
def parse_top_nested(c: Cursor, start: int) -> tree.TopNested:
    """`top-nested n of value by aggregate, top-nested ...`."""
    clauses = [_parse_nested_clause(c, start)]
    while c.accept(","):
        begun = c.expect("top-nested").start
        clauses.append(_parse_nested_clause(c, begun))
    return tree.TopNested(clauses=tuple(clauses), span=c.make_span(start))


def _parse_nested_clause(c: Cursor, start: int) -> tree.NestedClause:
    count = None if c.token.text == "of" else parse_expression(c)
    c.expect("of")
    value = parse_named_expression(c)
    others = None
    if c.accept("with"):
        c.expect("others")
        c.expect("=")
        others = parse_expression(c)
    c.expect("by")
    by = parse_named_expression(c)
    ascending = parse_direction(c)
    return tree.NestedClause(
        count=count, value=value, others=others, by=by, ascending=ascending, span=c.make_span(start)
    )


@register_reader("top-hitters")
def parse_top_hitters(c: Cursor, start: int) -> tree.TopHitters:
    """`top-hitters n of value by weight`."""
    count = parse_expression(c)
    c.expect("of")
    value = parse_named_expression(c)
    by = parse_named_expression(c) if c.accept("by") else None
    return tree.TopHitters(count=count, value=value, by=by, span=c.make_span(start))


@register_reader("reduce")
def parse_reduce_rows(c: Cursor, start: int) -> tree.Reduce:
    """`reduce by value with threshold=..., characters=...`."""
    options = parse_parameters(c, "kind")
    c.expect("by")
    value = parse_access(c)
    if c.accept("with"):
        options += parse_property_list(c, "")
    return tree.Reduce(value=value, parameters=options, span=c.make_span(start))
