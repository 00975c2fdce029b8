"""Stored functions of a catalog, parsed once."""

from __future__ import annotations

from functools import lru_cache

from nephoscope_kql import tree
from nephoscope_kql.catalog import StoredFunction
from nephoscope_kql.errors import KqlError, Span, make_invalid_error
from nephoscope_kql.parser import parse_function


def parse_stored_function(function: StoredFunction, span: Span) -> tree.Lambda:
    """The function as a tree; an error in its text is reported at the place that calls it."""
    try:
        return _parse_stored_function(function)
    except KqlError as error:
        raise make_invalid_error(
            f"the function {function.name} cannot be read: {error.message}", span
        ) from error


@lru_cache(maxsize=2048)
def _parse_stored_function(function: StoredFunction) -> tree.Lambda:
    return parse_function(function.parameters, function.body)
