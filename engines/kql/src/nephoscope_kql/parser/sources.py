"""Tables that the query itself holds or names by their location: datatable, externaldata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_signed_literal
from nephoscope_kql.parser.declarations import parse_columns
from nephoscope_kql.parser.expressions import parse_expression
from nephoscope_kql.parser.parameters import parse_properties
from nephoscope_kql.parser.pipes import SOURCES
from nephoscope_kql.tree import Datatable, ExternalData

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, Literal


def parse_datatable(c: Cursor) -> Datatable:
    """`datatable (columns) [values]`; a comma may stand before the first value and behind the last."""
    start = c.read_token().start
    schema = parse_columns(c)
    values: list[Literal] = []
    c.expect("[")
    c.accept(",")
    while c.token.text != "]":
        values.append(parse_signed_literal(c))
        if not c.accept(","):
            break
    c.expect("]")
    return Datatable(columns=schema, values=tuple(values), span=c.make_span(start))


def parse_externaldata(c: Cursor) -> ExternalData:
    """`externaldata (columns) [locations] with (properties)`."""
    start = c.read_token().start
    schema = parse_columns(c)
    locations: list[Expression] = []
    c.expect("[")
    while c.token.text != "]":
        locations.append(parse_expression(c))
        if not c.accept(","):
            break
    c.expect("]")
    settings = parse_properties(c)
    return ExternalData(
        columns=schema, locations=tuple(locations), properties=settings, span=c.make_span(start)
    )


SOURCES.update(datatable=parse_datatable, externaldata=parse_externaldata, external_data=parse_externaldata)
