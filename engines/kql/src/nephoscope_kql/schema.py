"""The columns that a query gives, without running it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nephoscope_kql.compile import bind_query
from nephoscope_kql.errors import Span, locate_errors, make_invalid_error
from nephoscope_kql.parser import parse

if TYPE_CHECKING:
    from nephoscope_kql.catalog import Catalog
    from nephoscope_kql.types import KqlType


def schema(text: str, catalog: Catalog) -> tuple[tuple[str, KqlType], ...]:
    """(name, type) of each column of the query's last expression, in order; raises KqlError with line and column."""
    try:
        with locate_errors(text):
            relation = bind_query(parse(text), catalog).relation
    except RecursionError:
        raise make_invalid_error("the query is nested too deeply", Span(0, 0)).locate(text) from None
    return tuple((column.name, column.type) for column in relation.columns)
