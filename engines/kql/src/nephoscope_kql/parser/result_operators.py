"""Operators on the whole result: as, render, consume, getschema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.known_options import CHARTS
from nephoscope_kql.parser.declarations import parse_columns
from nephoscope_kql.parser.names import parse_name_list
from nephoscope_kql.parser.parameters import parse_parameters, parse_properties, parse_property_list
from nephoscope_kql.parser.pipes import register_reader
from nephoscope_kql.tree import OperatorParameter
from nephoscope_kql.tree import operators as tree

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor


@register_reader("as")
def parse_as(c: Cursor, start: int) -> tree.As:
    """`as name`."""
    options = parse_parameters(c)
    return tree.As(name=c.read_name().name, parameters=options, span=c.make_span(start))


@register_reader("render")
def parse_render(c: Cursor, start: int) -> tree.Render:
    """`render chart with (properties)`, and the old `render chart kind=stacked by column`."""
    if c.token.kind != "name":
        raise c.build_expected_error("the name of a chart", "such as timechart, barchart, table")
    if c.token.text.lower() not in CHARTS:
        raise c.build_expected_error("the name of a chart", known=CHARTS)
    chart = c.read_token().text
    settings = parse_properties(c) or _parse_old_properties(c)
    return tree.Render(chart=chart, properties=settings, span=c.make_span(start))


def _parse_old_properties(c: Cursor) -> tuple[OperatorParameter, ...]:
    found: tuple[OperatorParameter, ...] = ()
    while c.token.kind == "name":
        start = c.token.start
        if c.peek().text == "=":
            found += parse_property_list(c, "")
        elif c.accept("by"):
            found += (OperatorParameter(name="by", values=parse_name_list(c), span=c.make_span(start)),)
        else:
            break
    return found


@register_reader("consume")
def parse_consume(c: Cursor, start: int) -> tree.Consume:
    """`consume`."""
    return tree.Consume(parameters=parse_parameters(c, "decodeblocks"), span=c.make_span(start))


@register_reader("getschema")
def parse_getschema(c: Cursor, start: int) -> tree.GetSchema:
    """`getschema`."""
    return tree.GetSchema(span=c.make_span(start))


@register_reader("assert-schema")
def parse_assert_schema(c: Cursor, start: int) -> tree.AssertSchema:
    """`assert-schema (a: string, b: long)`."""
    return tree.AssertSchema(columns=parse_columns(c), span=c.make_span(start))
