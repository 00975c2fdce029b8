"""Operators that keep some of the rows, or order them: where, take, sort, top, sample, distinct, count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.expressions import parse_expression, parse_named_expression, parse_predicate
from nephoscope_kql.parser.parameters import parse_parameters
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import Ordered, Star
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression


@register_reader("where", "filter")
def parse_where(c: Cursor, start: int) -> tree.Where:
    """`where predicate`."""
    options = parse_parameters(c)
    condition = parse_predicate(c)
    return tree.Where(predicate=condition, parameters=options, span=c.make_span(start))


@register_reader("take", "limit")
def parse_take(c: Cursor, start: int) -> tree.Take:
    """`take n`."""
    options = parse_parameters(c)
    count = parse_expression(c)
    return tree.Take(count=count, parameters=options, span=c.make_span(start))


@register_reader("sample")
def parse_sample(c: Cursor, start: int) -> tree.Sample:
    """`sample n`."""
    parse_parameters(c)
    return tree.Sample(count=parse_expression(c), span=c.make_span(start))


@register_reader("sample-distinct")
def parse_sample_distinct(c: Cursor, start: int) -> tree.SampleDistinct:
    """`sample-distinct n of value`."""
    parse_parameters(c)
    count = parse_expression(c)
    c.expect("of")
    return tree.SampleDistinct(count=count, value=parse_expression(c), span=c.make_span(start))


@register_reader("count")
def parse_count(c: Cursor, start: int) -> tree.Count:
    """`count`, `count as name`."""
    name = c.read_name().name if c.accept("as") else ""
    return tree.Count(name=name, span=c.make_span(start))


@register_reader("distinct")
def parse_distinct(c: Cursor, start: int) -> tree.Distinct:
    """`distinct a, b`, `distinct *`."""
    options = parse_parameters(c)
    items = [_parse_distinct_item(c)]
    while c.accept(","):
        items.append(_parse_distinct_item(c))
    return tree.Distinct(items=tuple(items), parameters=options, span=c.make_span(start))


def _parse_distinct_item(c: Cursor) -> Expression:
    token = c.token
    if token.text == "*" and c.accept("*"):
        return Star(span=token.span)
    return parse_named_expression(c)


@register_reader("sort", "order")
def parse_sort(c: Cursor, start: int) -> tree.Sort:
    """`sort by a asc nulls first, ...`."""
    options = parse_parameters(c)
    c.expect("by")
    return tree.Sort(keys=parse_ordered_keys(c), parameters=options, span=c.make_span(start))


@register_reader("top")
def parse_top(c: Cursor, start: int) -> tree.Top:
    """`top n by key`."""
    options = parse_parameters(c)
    count = parse_expression(c)
    c.expect("by")
    return tree.Top(count=count, keys=(parse_sort_key(c),), parameters=options, span=c.make_span(start))


def parse_ordered_keys(c: Cursor) -> tuple[Ordered, ...]:
    """One or more keys of an order."""
    keys = [parse_sort_key(c)]
    while c.accept(","):
        keys.append(parse_sort_key(c))
    return tuple(keys)


def parse_sort_key(c: Cursor) -> Ordered:
    """`value asc nulls first`."""
    start = c.token.start
    value = parse_named_expression(c)
    ascending = parse_direction(c)
    nulls_first = None
    if c.token.text == "nulls":
        c.read_token()
        if c.token.text not in ("first", "last"):
            raise c.build_expected_error("first or last")
        nulls_first = c.read_token().text == "first"
    return Ordered(value=value, ascending=ascending, nulls_first=nulls_first, span=c.make_span(start))


def parse_direction(c: Cursor) -> bool | None:
    """`asc` or `desc`; None where neither stands here."""
    if c.token.text not in ("asc", "desc"):
        return None
    return c.read_token().text == "asc"
