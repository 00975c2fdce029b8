"""Tables that the query itself holds or names by their location: datatable, externaldata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.parser.constants import parse_signed_literal
from nephoscope_kql.parser.declarations import columns
from nephoscope_kql.parser.expressions import expression
from nephoscope_kql.parser.parameters import properties
from nephoscope_kql.parser.pipes import SOURCES
from nephoscope_kql.tree import Datatable, ExternalData

if TYPE_CHECKING:
    from nephoscope_kql.parser.cursor import Cursor
    from nephoscope_kql.tree import Expression, Literal


def datatable(c: Cursor) -> Datatable:
    """`datatable (columns) [values]`; a comma may stand before the first value and behind the last."""
    start = c.take().start
    schema = columns(c)
    values: list[Literal] = []
    c.expect("[")
    c.accept(",")
    while c.token.text != "]":
        values.append(parse_signed_literal(c))
        if not c.accept(","):
            break
    c.expect("]")
    return Datatable(columns=schema, values=tuple(values), span=c.since(start))


def externaldata(c: Cursor) -> ExternalData:
    """`externaldata (columns) [locations] with (properties)`."""
    start = c.take().start
    schema = columns(c)
    locations: list[Expression] = []
    c.expect("[")
    while c.token.text != "]":
        locations.append(expression(c))
        if not c.accept(","):
            break
    c.expect("]")
    settings = properties(c)
    return ExternalData(columns=schema, locations=tuple(locations), properties=settings, span=c.since(start))


SOURCES.update(datatable=datatable, externaldata=externaldata, external_data=externaldata)
